"""The project as an ASGI application: its tables are brought up to date before it serves."""

import os
from threading import Thread

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.management import call_command

application = ASGIStaticFilesHandler(get_asgi_application())

# In a thread: this module may be imported while an event loop runs, where Django allows no query.
migrate = Thread(target=call_command, args=["migrate"], kwargs={"verbosity": 0})
migrate.start()
migrate.join()
