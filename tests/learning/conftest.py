"""A real platform for tests that train real models: `make check-long` runs them."""

from whole_platform import command, free_port, lichen, platform, platform_settings

__all__ = ("command", "free_port", "lichen", "platform", "platform_settings")
