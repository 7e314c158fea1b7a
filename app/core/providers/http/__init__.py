"""The HTTP clients below the providers' SDKs: hooked, and read by the readers of `wire`."""
