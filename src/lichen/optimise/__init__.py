"""Linear and mixed-integer programs, declared and solved: the one door to HiGHS."""
