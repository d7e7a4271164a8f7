from django.urls import path

from guestbook import views

urlpatterns = [path("", views.book, name="book"), path("guests.json", views.guests, name="guests")]
