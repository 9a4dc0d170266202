"""The task `anomaly`: detectors fitted on usual rows, alarms at a stated rate of false ones."""
