"""The control plane: desired state, and jobs as rows that no crash loses."""
