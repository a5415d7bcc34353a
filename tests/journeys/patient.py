"""An API that does not take Redis for dead because the machine is busy with other tests: it counts exactly."""

from litestar import Litestar

from api import app, limits


def create_app() -> Litestar:
    """As the API's own."""
    app.REDIS_PATIENCE = limits.ATTEMPT_PATIENCE = 10.0
    return app.create_app()
