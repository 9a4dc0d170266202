"""What is thrown at a data plane over real sockets: the plane itself, and requests gone wrong."""
