"""The servers that agno-stream is compared with, each as its own guide shows it."""
