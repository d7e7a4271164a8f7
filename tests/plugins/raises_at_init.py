"""GLoom's shape; refuses to start."""


class Plugin:
    def init(self):
        raise ValueError("the cupboard is bare")

    def register_routes(self, router): ...
