"""The doors: one package for each protocol, all of the same shape (see `app.api.door`)."""
