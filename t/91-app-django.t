#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The Django application of conf/apps/, behind httpd, with a token in a cookie
# for the streams of its users. What is saved is published. No login, another
# user's channel, a token that has expired, a wrong key, a logout, a dead
# application, and events that httpd does not take.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Test::More;

use File::Path ();
use File::Temp ();
use JSON::PP ();

use Driver;
use EventStream::App;
use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Snippets;
use EventStream::Visitor;

my $SECRET = 'key-of-the-streams-' . '0123456789abcdef' x 3;

my ($python) = grep { system("$_ -c 'import django' 2>/dev/null") == 0 }
    'python3', '/usr/bin/python3';
need_or_skip($python, 'there is no Django here');
need_or_skip(EventStream::Httpd->has_module('proxy_http'),
    'there is no mod_proxy_http here');

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
write_file("$dir/stream.key", "$SECRET\n");
chmod 0640, "$dir/stream.key";

my $clock = EventStream::Clock->new;
my $httpd = EventStream::Httpd->start($clock->options,
    modules => ['proxy', 'proxy_http', 'authz_user'],
    files => {'static/stream.js' => sample('stream.js')},
    conf => "EventStreamRetry 500ms\nAddType text/javascript .js\n"
        . sample('django.conf',
        '/srv/app/static/' => '@DOCROOT@/static/',
        '"/srv/app/static"' => '"@DOCROOT@/static"',
        '127.0.0.1:8000' => '127.0.0.1:@PORT:app@',
        '/etc/apache2/stream.key' => "$dir/stream.key",
        '127.0.0.1:8081' => '127.0.0.1:@PORT:own@'));
my $app_port = $httpd->port_of('app');

# ---- The application ---------------------------------------------------------

sub write_settings
{
    my ($publish) = @_;
    write_file("$dir/shop/settings.py", sample('django/shop/settings.py',
        '/srv/app/db.sqlite3' => "$dir/db.sqlite3",
        '/etc/apache2/stream.key' => "$dir/stream.key",
        '127.0.0.1:8081/publish' => '127.0.0.1:' . $httpd->port_of('own')
            . $publish));
    return;
}

File::Path::make_path("$dir/shop", "$dir/orders/templates");
for my $file (qw(manage.py shop/wsgi.py shop/urls.py orders/apps.py
    orders/models.py orders/signals.py orders/stream.py orders/views.py
    orders/templates/index.html orders/templates/login.html)) {
    write_file("$dir/$file", sample("django/$file"));
}
write_file("$dir/$_/__init__.py", '') for 'shop', 'orders';
write_settings('/publish');
write_file("$dir/prepare.py", <<'PYTHON');
import os
import django
from django.core.management import call_command
os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'
django.setup()
call_command('migrate', run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
for name in 'ann', 'bob':
    User.objects.create_user(name, password='secret of ' + name)
PYTHON
my $output = `cd '$dir' && $python prepare.py 2>&1`;
is $?, 0, 'the database of the application' or diag $output;

my $app = EventStream::App->start(dir => $dir,
    command => [$python, 'manage.py', 'runserver', '--noreload',
        "127.0.0.1:$app_port"],
    ready => sub {
        return eval { get($app_port, '/app/login/')->{status} } // 0;
    });

sub fields_of
{
    my ($page) = @_;
    return $page->{body} =~ /name="(csrfmiddlewaretoken)" value="(\w+)"/;
}

sub log_in
{
    my ($user, $password) = @_;
    my $visitor = EventStream::Visitor->new($httpd);
    my $page = $visitor->post('/app/login/', username => $user,
        password => $password, fields_of($visitor->get('/app/')));
    return ($visitor, $page);
}

# As the page does before it opens a stream.
sub renew
{
    my ($visitor) = @_;
    return $visitor->request('POST', '/app/token/', headers => ['X-CSRFToken: '
        . ($visitor->cookies('/app/token/')->{csrftoken} // '')]);
}

sub order
{
    my ($visitor, $dish) = @_;
    return $visitor->post('/app/order/', dish => $dish,
        fields_of($visitor->get('/app/')))->{status};
}

sub stream
{
    my ($visitor, @channels) = @_;
    return $visitor->subscribe('/events/?'
        . join '&', map { "channel=$_" } @channels);
}

sub status_of { return stream(@_)->status }

# ---- Without a login ---------------------------------------------------------

my $nobody = EventStream::Visitor->new($httpd);
like $nobody->get('/app/')->{url}, qr{/app/login/}, 'no login: no page';
is renew($nobody)->{status}, 401, 'no login: no token';
is status_of($nobody, 'user-ann'), 401, 'no token: no stream';
my ($wrong, $page) = log_in('ann', 'x');
unlike $page->{body}, qr/openStream/, 'a wrong password';
is renew($wrong)->{status}, 401, 'and still no token';
is $wrong->request('POST', '/app/token/')->{status}, 403,
    'a page of another site gets no token';
is $nobody->get('/app/static/stream.js')->{status}, 200, 'the module of pages';
is get($httpd, '/publish')->{status}, 404, 'browsers cannot publish';

# ---- With one ----------------------------------------------------------------

(my $ann, $page) = log_in('ann', 'secret of ann');
like $page->{body}, qr/openStream/, 'ann logs in and has the page';
is status_of($ann, 'user-ann'), 401, 'the session alone gives no stream';
my $answer = renew($ann);
is $answer->{body}, '{"expires_in": 900}', 'a token for a quarter of an hour';
like $answer->{head},
    qr{^Set-Cookie: +stream_token=[\w.-]+; .*HttpOnly.*Path=/events/}mi,
    '... is a cookie for streams';
my $mine = stream($ann, 'user-ann', 'room-kitchen');
is $mine->status, 200, 'with it there is a stream of two channels';
is $mine->next_event(10)->{event}, 'stream-open', '... which opens';
is order($ann, 'soup'), 204, 'an order is saved';
my $event = $mine->next_event(10);
is $event->{event}, 'order', '... and published';
is_deeply JSON::PP::decode_json($event->{data}), {id => 1, dish => 'soup'},
    '... with its data';
is status_of($ann, 'user-bob'), 403, "another user's channel";
is status_of($ann, 'user-ann', 'user-bob'), 403, '... also beside her own';
isnt status_of($ann), 200, 'no channel is no stream';
my ($bob) = log_in('bob', 'secret of bob');
renew($bob);
my $his = stream($bob, 'user-bob');
is $his->next_event(10)->{event}, 'stream-open', 'bob has a stream';
order($ann, 'for ann');
order($bob, 'for bob');
like $his->next_event(10)->{data}, qr/for bob/, '... with his orders alone';
like $mine->next_event(10)->{data}, qr/for ann/, 'ann has her order';
like $mine->next_event(10)->{data}, qr/for bob/, '... and those of the kitchen';

# ---- The end of a token, and a wrong key -------------------------------------

$clock->step(1000);
is status_of($ann, 'user-ann'), 401, 'a token that has expired';
$clock->step(-1000);
renew($ann);
is status_of($ann, 'user-ann'), 200, 'a new one';
write_file("$dir/stream.key", "another $SECRET\n");
renew($ann);
is status_of($ann, 'user-ann'), 401, 'a wrong key of the application';
write_file("$dir/stream.key", "$SECRET\n");
renew($ann);
is status_of($ann, 'user-ann'), 200, 'the right one again';

# ---- Logout ------------------------------------------------------------------

my $open = stream($ann, 'user-ann');
is $open->next_event(10)->{event}, 'stream-open', 'ann has a stream';
$page = $ann->post('/app/logout/', fields_of($ann->get('/app/')));
like $page->{url}, qr{/app/login/}, 'she logs out';
ok $open->is_ended(10), 'and her stream ends';
is status_of($ann, 'user-ann'), 401, 'and she gets no other';
is renew($ann)->{status}, 401, 'nor a token';

# ---- A browser ---------------------------------------------------------------

SKIP: {
    my $reason = Driver::lacking('playwright-core', browser => 1);
    die "$reason\n" if $reason && ($ENV{CI} || '') eq 'true';
    skip $reason, 1 if $reason;
    Driver::run('apps-django.mjs', $httpd,
        'http://localhost:' . $httpd->port . '/');
}

# ---- What is dead ------------------------------------------------------------

$app->stop;
is renew($bob)->{status}, 503, 'no application: no new token';
is status_of($bob, 'user-bob'), 200, '... one that is there counts';
write_settings('/nothing');
$app->restart;
is order($bob, 'pie'), 204, 'an order is saved if it cannot be published';
like $app->output, qr/order \d+ is not published/, '... which is logged';
$_->close for $mine, $his;
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
