"""Stores of Agno that call other stores of Agno: on threads, or on behalf of one run."""
