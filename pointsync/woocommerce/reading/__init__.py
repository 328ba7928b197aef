"""Reading orders from shops with a read-only key of their REST API, so that no lost delivery loses points."""
