"""Pauses of Agno's runs: what they wait for, decisions on it, and the stored runs themselves."""
