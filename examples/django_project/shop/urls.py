from django.urls import path

from shop import views

urlpatterns = [
    path("", views.home),
    path("orders/<int:number>/", views.order),
    path("stock/<slug:fruit>/", views.stock),
    path("report/", views.report),
]
