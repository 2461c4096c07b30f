# SPDX-License-Identifier: Apache-2.0
SECRET_KEY = 'a long random text of your own'
ALLOWED_HOSTS = ['localhost', 'www.example.com']
ROOT_URLCONF = 'shop.urls'
WSGI_APPLICATION = 'shop.wsgi.application'
INSTALLED_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'orders.apps.OrdersConfig',
]
MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'APP_DIRS': True,
    'OPTIONS': {'context_processors': [
        'django.template.context_processors.request',
        'django.contrib.auth.context_processors.auth',
    ]},
}]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3',
                         'NAME': '/srv/app/db.sqlite3'}}
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
LOGIN_URL = '/app/login/'
LOGIN_REDIRECT_URL = '/app/'
LOGOUT_REDIRECT_URL = '/app/login/'
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = '/app/'

# Of the streams: the key that httpd has, too, and where httpd takes events.
STREAM_KEY_FILE = '/etc/apache2/stream.key'
STREAM_TOKEN_SECONDS = 900
STREAM_PUBLISH_URL = 'http://127.0.0.1:8081/publish'
