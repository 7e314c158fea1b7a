"""The life of a run: started, queued, driven, stopped, ended."""
