"""Versions in the forms that others read: each form is one file, and equal versions equal bytes."""
