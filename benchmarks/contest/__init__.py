"""What a prediction costs in our data plane and in other servers, in one run on one machine."""
