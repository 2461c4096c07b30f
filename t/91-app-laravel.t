#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The files of conf/apps/laravel/ in a small Laravel application (t/laravel/):
# a middleware that sets the cookie with the token for streams, and a driver
# that publishes what Laravel broadcasts. No login, another user's channel, a
# token that has expired, a wrong key, a logout, a dead application, and events
# that httpd does not take.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Find ();
use File::Path ();
use File::Temp ();
use IO::Socket::UNIX;
use JSON::PP ();

use EventStream::App;
use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Snippets;
use EventStream::Source;
use EventStream::Visitor;

my $SECRET = 'key-of-the-streams-' . '0123456789abcdef' x 3;

# Its 77 packages take a minute to install, so CI does without.
plan skip_all => 'there is no php-cgi here' if !has_command('php-cgi');
plan skip_all => 'there is no php-laravel-framework here'
    if !-d '/usr/share/php/Illuminate/Foundation';
plan skip_all => 'there is no mod_proxy_fcgi here'
    if !EventStream::Httpd->has_module('proxy_fcgi');

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my $socket = "$dir/php.sock";
write_file("$dir/stream.key", "$SECRET\n");
chmod 0640, "$dir/stream.key";
mkdir "$dir/public";

my $clock = EventStream::Clock->new;
my $httpd = EventStream::Httpd->start($clock->options,
    modules => ['proxy', 'proxy_fcgi', 'authz_user'],
    conf => sample('laravel.conf',
        '/srv/app/public' => "$dir/public",
        '/run/php/php-fpm.sock' => $socket,
        '/etc/apache2/stream.key' => "$dir/stream.key",
        '127.0.0.1:8081' => '127.0.0.1:@PORT:own@'));

# ---- The application ---------------------------------------------------------

# All files below a folder of ours, with that path below $dir.
sub install
{
    my ($from) = @_;
    my $top = srcdir() . "/$from";
    File::Find::find({no_chdir => 1, wanted => sub {
        my $path = substr $_, length $top;
        File::Path::make_path("$dir$path") if -d;
        write_file("$dir$path", EventStream::Httpd::slurp($_)) if -f;
    }}, $top);
    return;
}

sub configure
{
    my ($publish) = @_;
    write_file("$dir/config/eventstream.php",
        sample('laravel/config/eventstream.php',
            '/etc/apache2/stream.key' => "$dir/stream.key",
            '127.0.0.1:8081/publish' => '127.0.0.1:'
                . $httpd->port_of('own') . $publish));
    return;
}

install($_) for 't/laravel', 'conf/apps/laravel';
configure('/publish');
File::Path::make_path("$dir/bootstrap/cache",
    map { "$dir/storage/$_" } 'sessions', 'views');
my $app = EventStream::App->start(
    command => ['php-cgi', '-d', 'display_errors=stderr', '-b', $socket],
    env => {PHP_FCGI_CHILDREN => 2},
    ready => sub { IO::Socket::UNIX->new(Peer => $socket) });

sub post
{
    my ($visitor, $path, %field) = @_;
    $field{_token} = $visitor->get('/csrf')->{body};
    return $visitor->post($path, %field);
}

sub log_in
{
    my ($user, $password) = @_;
    my $visitor = EventStream::Visitor->new($httpd);
    return ($visitor, post($visitor, '/login', name => $user,
        password => $password));
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
is post($nobody, '/token')->{status}, 401, 'no login: no token';
is status_of($nobody, 'private-user.ann'), 401, 'no token: no stream';
my ($wrong, $answer) = log_in('ann', 'x');
is $answer->{status}, 403, 'a wrong password';
is status_of($wrong, 'private-user.ann'), 401, 'gives no token';
is $nobody->post('/token')->{status}, 419,
    'a page of another site gets no token';
is get($httpd, '/publish')->{status}, 404, 'browsers cannot publish';

# ---- With one ----------------------------------------------------------------

(my $ann, $answer) = log_in('ann', 'secret of ann');
is $answer->{status}, 200, 'ann logs in';
like $answer->{head},
    qr{^Set-Cookie: stream_token=[\w.-]+; .*path=/events/; httponly}mi,
    'and has the cookie at once';
is post($ann, '/token')->{body}, '{"expires_in":900}', 'a page renews it';
my $mine = stream($ann, 'private-user.ann', 'room.kitchen');
is $mine->status, 200, 'with it there is a stream of two channels';
is $mine->next_event(10)->{event}, 'stream-open', '... which opens';
$answer = post($ann, '/order', dish => 'soup');
is $answer->{status}, 200, 'the application broadcasts'
    or diag EventStream::Httpd::slurp("$dir/storage/log");
my $event = $mine->next_event(10);
is $event->{event}, 'order', '... what arrives';
is_deeply JSON::PP::decode_json($event->{data}), {dish => 'soup'},
    '... with its data';
is status_of($ann, 'private-user.bob'), 403, "another user's channel";
is status_of($ann, 'private-user.ann', 'private-user.bob'), 403,
    '... also beside her own';
my ($bob) = log_in('bob', 'secret of bob');
my $his = stream($bob, 'private-user.bob');
is $his->next_event(10)->{event}, 'stream-open', 'bob has a stream';
post($ann, '/order', dish => 'for ann');
post($bob, '/order', dish => 'for bob');
like $his->next_event(10)->{data}, qr/for bob/, '... with his events alone';

# ---- The end of a token, and a wrong key -------------------------------------

$clock->step(1000);
is status_of($ann, 'private-user.ann'), 401, 'a token that has expired';
$clock->step(-1000);
post($ann, '/token');
is status_of($ann, 'private-user.ann'), 200, 'a new one';
write_file("$dir/stream.key", "another $SECRET\n");
post($ann, '/token');
is status_of($ann, 'private-user.ann'), 401, 'a wrong key of the application';
write_file("$dir/stream.key", "$SECRET\n");
post($ann, '/token');
is status_of($ann, 'private-user.ann'), 200, 'the right one again';

# ---- Logout ------------------------------------------------------------------

my $open = stream($ann, 'private-user.ann');
is $open->next_event(10)->{event}, 'stream-open', 'ann has a stream';
is post($ann, '/logout')->{status}, 200, 'she logs out';
ok $open->is_ended(10), 'and her stream ends';
is status_of($ann, 'private-user.ann'), 401, 'and she gets no other';
is post($ann, '/token')->{status}, 401, 'nor a token';

# ---- What is dead ------------------------------------------------------------

$app->stop;
is $bob->post('/token')->{status}, 503, 'no application: no new token';
is status_of($bob, 'private-user.bob'), 200, '... one that is there counts';
configure('/nothing');
$app->restart;
is post($bob, '/order', dish => 'pie')->{status}, 500,
    'what cannot be broadcast is an error of the application';
like EventStream::Httpd::slurp("$dir/storage/log"), qr/BroadcastException/,
    '... with its reason in the log';
$_->close for $mine, $his;
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
