"""Metering: how many joules a span of work used, and how sure we are (METERING.md, M1-M5, A1-A6).

Standard library only, so that it can be installed and trusted alone.
"""
