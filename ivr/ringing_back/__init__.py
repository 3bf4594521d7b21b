"""Ringing customers back: the agent's telephone first, then the customer's, and the two talk."""
