"""The servers that agno-stream is measured against, each as short as its guide shows it."""
