from django.db import migrations


def welcome(apps, schema_editor):
    apps.get_model("guestbook", "Entry").objects.create(name="Weft", text="Welcome: this page is empty no longer.")


class Migration(migrations.Migration):
    dependencies = [("guestbook", "0001_initial")]
    operations = [migrations.RunPython(welcome, migrations.RunPython.noop)]
