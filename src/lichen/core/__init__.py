"""The vocabulary every layer speaks: units, ids, time, tensors, errors. Imports nothing of ours."""
