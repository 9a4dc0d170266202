"""Who knows the intensity of a grid: services, files, averages, all behind one protocol (C2)."""
