from django.db.models import Count
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from guestbook.models import Entry


class EntryForm(ModelForm):
    class Meta:
        model = Entry
        fields = ["name", "text"]


def book(request: HttpRequest) -> HttpResponse:
    form = EntryForm(request.POST or None)
    if form.is_valid():
        form.save()
        return redirect("book")
    return render(request, "guestbook/book.html", {"form": form, "entries": Entry.objects.all()[:50]})


def guests(request: HttpRequest) -> HttpResponse:
    """Who wrote how often."""
    counted = Entry.objects.order_by("name").values("name").annotate(entries=Count("id"))
    return JsonResponse({"guests": list(counted)})
