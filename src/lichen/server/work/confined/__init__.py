"""Processes of others' making: confined, bounded, metered, and ended to the last one."""
