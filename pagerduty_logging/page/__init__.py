"""What the person who is paged reads: a trigger from plain data, without secrets."""
