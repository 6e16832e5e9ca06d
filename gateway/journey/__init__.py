"""The journey of a record: read, verify, translate, seal, route, deliver. `Gateway` runs it."""
