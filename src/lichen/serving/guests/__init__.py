"""Guests: predictors in processes of their own, charged by their own clocks."""
