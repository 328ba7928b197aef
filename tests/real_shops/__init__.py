"""The WordPress plugin on real shops: `python -m tests.real_shops FOLDER [FOLDER]`. See `__main__`."""
