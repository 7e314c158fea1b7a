"""What is removed with runs: those of a deleted conversation, and media that nobody keeps."""
