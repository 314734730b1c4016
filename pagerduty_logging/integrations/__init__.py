"""Integrations with the hosts that programs run in: one module or package for each."""
