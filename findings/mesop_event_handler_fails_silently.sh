#!/usr/bin/env bash
# mesop: what the function of a page raises is an ERROR of the root logger; what an event handler raises (a click) is logged nowhere, nor printed: it is
# told to the browser alone, with the answer 200. Without debug mode both are answered the same way.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile mesop==1.3.7
cat > "$work/program.py" <<'PY'
import base64, logging, os
os.environ["MESOP_STATE_SESSION_BACKEND"] = "memory"
import mesop
import mesop.protos.ui_pb2 as ui
from importlib.metadata import version
from mesop.components.button.button_pb2 import ButtonType
from werkzeug.test import Client
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage())) if record.levelno >= logging.WARNING else None
logging.getLogger().addHandler(Recorder())
@mesop.page(path="/")
def home(): mesop.button("Pay", on_click=pay)
def pay(event: mesop.ClickEvent): raise LookupError("no order")
@mesop.page(path="/orders")
def orders(): raise ValueError("boom")
client = Client(mesop.create_wsgi_app(debug_mode=False))
def ask(**request):
    body = base64.urlsafe_b64encode(ui.UiRequest(**request).SerializeToString())
    answer = client.post("/__ui__", data=body, headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"})
    lines = [line[6:] for line in answer.get_data(as_text=True).split("\n") if line.startswith("data: ") and "<stream_end>" not in line]
    return answer.status_code, [ui.UiResponse.FromString(base64.urlsafe_b64decode(line)) for line in lines]
def components(component):
    yield component
    for child in component.children: yield from components(child)
page = ask(path="/", init=ui.InitRequest())[1]
token = next(each.update_state_event.state_token for each in page if each.HasField("update_state_event"))
button = next(c for each in page if each.HasField("render") for c in components(each.render.root_component) if c.type.name.fn_name == "content_button")
click = ui.UserEvent(handler_id=ButtonType.FromString(button.type.value).on_click_handler_id, state_token=token, click=ui.ClickEvent(is_target=True))
found = {}
for name, request in (("a page", {"path": "/orders", "init": ui.InitRequest()}), ("a click", {"path": "/", "user_event": click})):
    seen.clear()
    status, answers = ask(**request)
    found[name] = (status, next(each.error.exception for each in answers if each.HasField("error")), [*seen])
print("mesop", version("mesop"), found)
assert found["a page"] == (200, "boom", [("root", "ERROR", "boom")]) and found["a click"] == (200, "no order", [])
PY
cd "$work"
"$work/venv/bin/python" program.py
