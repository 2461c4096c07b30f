# SPDX-License-Identifier: Apache-2.0
from django.contrib.auth.views import LoginView
from django.urls import path

from orders import views

urlpatterns = [
    path('app/', views.index),
    path('app/login/', LoginView.as_view(template_name='login.html')),
    path('app/logout/', views.Logout.as_view()),
    path('app/token/', views.token),
    path('app/order/', views.order),
]
