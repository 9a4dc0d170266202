"""Threads and answers that look after one thing each: intensities, outlooks, budgets, books."""
