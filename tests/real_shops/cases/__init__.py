"""The cases: each function whose name begins with `case_` takes a `World`. A file is a subject."""
