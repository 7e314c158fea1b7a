"""The branches of a conversation: turns that were answered again, edited, or forked."""
