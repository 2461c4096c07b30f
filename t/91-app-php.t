#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The PHP application of conf/apps/, with a login of its own and a token in a
# cookie for the streams of its users. No login, another user's channel, a token
# that has expired, a wrong key, a logout, an application that is dead. The
# second part is in Chromium (browser/apps-php.mjs).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Test::More;

use File::Temp ();
use IO::Socket::UNIX;

use Driver;
use EventStream::App;
use EventStream::Client;
use EventStream::Httpd;
use EventStream::Snippets;
use EventStream::Visitor;

my $SECRET = 'key-of-the-streams-' . '0123456789abcdef' x 3;

need_or_skip(has_command('php-cgi'), 'there is no php-cgi here');
need_or_skip(EventStream::Httpd->has_module('proxy_fcgi'),
    'there is no mod_proxy_fcgi here');

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
mkdir "$dir/sessions";
write_file("$dir/stream.key", "$SECRET\n");
chmod 0640, "$dir/stream.key";

my $socket = "$dir/php.sock";
my $php = EventStream::App->start(
    command => ['php-cgi', '-d', "session.save_path=$dir/sessions", '-d',
        'display_errors=stderr', '-b', $socket],
    env => {PHP_FCGI_CHILDREN => 2},
    ready => sub { IO::Socket::UNIX->new(Peer => $socket) });

# An httpd, with tokens that last so long.
sub start_httpd
{
    my ($seconds) = @_;
    my $conf = sample('php.conf',
        '"/srv/app/"' => '"@DOCROOT@/app/"', '"/srv/app"' => '"@DOCROOT@/app"',
        '/run/php/php-fpm.sock' => $socket,
        '/etc/apache2/stream.key' => "$dir/stream.key",
        '127.0.0.1:8081' => '127.0.0.1:@PORT:own@');
    my $httpd = EventStream::Httpd->start(
        conf => "$conf\nEventStreamRetry 500ms\n"
            . "AddType text/javascript .js\n",
        modules => ['proxy', 'proxy_fcgi', 'authz_user'],
        files => {'app/stream.js' => sample('stream.js'),
            map { ("app/$_.php" => sample("php/$_.php")) }
                qw(index login logout order token)});
    write_file($httpd->docroot . '/app/stream.php', sample('php/stream.php',
        '/etc/apache2/stream.key' => "$dir/stream.key",
        '127.0.0.1:8081' => '127.0.0.1:' . $httpd->port_of('own'),
        'TOKEN_SECONDS = 900' => "TOKEN_SECONDS = $seconds"));
    return $httpd;
}

my $httpd = start_httpd(900);

sub log_in
{
    my ($user) = @_;
    my $visitor = EventStream::Visitor->new($httpd);
    my $page = $visitor->post('/app/login.php', user => $user,
        password => "secret of $user");
    is $page->{status}, 200, "$user logs in";
    like $page->{body}, qr/openStream/, '... and has the page';
    return $visitor;
}

# As the page does before it opens a stream.
sub renew { return $_[0]->request('POST', '/app/token.php') }

sub status_of { return $_[0]->subscribe("/events/$_[1]")->status }

# ---- Without a login ---------------------------------------------------------

my $nobody = EventStream::Visitor->new($httpd);
like $nobody->get('/app/')->{url}, qr{/login\.php$}, 'no login: no page';
is renew($nobody)->{status}, 401, 'no login: no token';
is status_of($nobody, $_), 401, "no token: no stream $_"
    for qw(mine rooms/kitchen);
is $nobody->post('/app/login.php', user => 'ann', password => 'x')->{status},
    403, 'a wrong password';
is $nobody->post('/app/login.php', user => 'eve', password => '*')->{status},
    403, 'a user that does not exist';
is renew($nobody)->{status}, 401, 'and still no token';
is $nobody->get('/app/stream.php')->{status}, 403, 'stream.php is no page';
is get($httpd, '/publish')->{status}, 404, 'browsers cannot publish';

# ---- With one ----------------------------------------------------------------

my $ann = log_in('ann');
is status_of($ann, 'mine'), 401, 'the session alone gives no stream';
my $answer = renew($ann);
is $answer->{body}, '{"expires_in":900}', 'a token for a quarter of an hour';
like $answer->{head}, qr{^Set-Cookie: stream_token=[\w.-]+; .*path=/events/}mi,
    '... is a cookie for streams';
like $answer->{head}, qr/stream_token.*HttpOnly; SameSite=Lax/i,
    '... that no script reads';
my $mine = $ann->subscribe('/events/mine');
is $mine->status, 200, 'with it there is a stream';
is $mine->next_event(10)->{event}, 'stream-open', '... which opens';
my $kitchen = $ann->subscribe('/events/rooms/kitchen');
is $kitchen->status, 200, 'and those of rooms';
is $ann->post('/app/order.php', dish => "soup & \xc3\xa9")->{status}, 204,
    'the application publishes';
is $_->skip_to('order', 10)->{data}, "soup & \xc3\xa9", '... and it arrives'
    for $mine, $kitchen;

my $bob = log_in('bob');
renew($bob);
my $his = $bob->subscribe('/events/mine');
is $his->status, 200, 'bob has a stream';
is $his->next_event(10)->{event}, 'stream-open', '... which opens';
$ann->post('/app/order.php', dish => 'for ann');
$bob->post('/app/order.php', dish => 'for bob');
is $his->next_event(10)->{data}, 'for bob', '... with his events alone';

# ---- Tokens that are not right -----------------------------------------------

my $token = $bob->cookies('/events/mine')->{stream_token};
my $page = EventStream::Visitor->new($httpd);
$page->set_cookie('stream_token', $token =~ s/.$/$& eq 'A' ? 'Q' : 'A'/er,
    '/events/');
is status_of($page, 'mine'), 401, 'another signature';
my ($head, undef, $signature) = split /\./, $token;
my $claims = (split /\./, $ann->cookies('/events/x')->{stream_token})[1];
$page->set_cookie('stream_token', "$head.$claims.$signature", '/events/');
is status_of($page, 'mine'), 401, "another user's claims";

write_file("$dir/stream.key", "another $SECRET\n");
renew($ann);
is status_of($ann, 'mine'), 401, 'a wrong key of the application';
write_file("$dir/stream.key", "$SECRET\n");
renew($ann);
is status_of($ann, 'mine'), 200, 'the right one again';

# ---- Logout ------------------------------------------------------------------

my $before = $ann->cookies('/app/')->{app};
my $open = $ann->subscribe('/events/mine');
is $open->next_event(10)->{event}, 'stream-open', 'ann has a stream';
like $ann->post('/app/logout.php')->{url}, qr{/login\.php$}, 'she logs out';
ok $open->is_ended(10), 'and her stream ends';
is status_of($ann, 'mine'), 401, 'and she gets no other';
$ann->set_cookie('app', $before, '/app/');
is renew($ann)->{status}, 401, 'nor a token, with the old cookie either';

# ---- The application is dead -------------------------------------------------

$php->stop;
is renew($bob)->{status}, 503, 'no application: no new token';
is status_of($bob, 'mine'), 200, '... one that is there counts';
is publish($httpd->port_of('own'), 'user-bob', 'x')->{status}, 200,
    '... and others publish';
is $his->skip_to('message', 10)->{data}, 'x', '... to streams that are open';
$php->restart;
is renew($bob)->{status}, 200, 'the application is back';
$_->close for $mine, $kitchen, $his;
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- A browser ---------------------------------------------------------------

SKIP: {
    my $reason = Driver::lacking('playwright-core', browser => 1);
    die "$reason\n" if $reason && ($ENV{CI} || '') eq 'true';
    skip $reason, 1 if $reason;
    $httpd = start_httpd(2);
    Driver::run('apps-php.mjs', $httpd,
        'http://localhost:' . $httpd->port . '/',
        'http://127.0.0.1:' . $httpd->port_of('own') . '/', $socket);
    is $httpd->stop, 0, 'httpd stops with exit status 0';
}
done_testing;
