"""The developer's room: the embedded stack of real servers, the simulators of foreign ones, seed data and the bench."""
