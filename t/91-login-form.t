#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/form.conf with channels.conf: the session of a login page admits
# to streams and publishing. What ends with it: a session that expires, another
# password, a logout. (91-login-browser has the page.)

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Login;

my @needed = qw(auth_form request session session_cookie session_crypto);
my @missing = grep { !EventStream::Httpd->has_module($_) } @needed;
plan skip_all => "this httpd has no mod_$missing[0]" if @missing;

my $h2 = EventStream::Httpd->has_module('http2');
my $clock = EventStream::Clock->new;
my $httpd = EventStream::Httpd->start(
    $clock->options, h2 => $h2,
    modules => [login_modules(qw(authn_file), @needed)],
    files => {users => login_users(qw(ann bob app)),
        'login.html' => EventStream::Source::text_of('conf/logins/login.html'),
        'members/index.html' => "members\n", 'session.key' => "a key\n"},
    conf => login_sample('form.conf',
        '/etc/apache2/events.users' => '@DOCROOT@/users',
        '/etc/apache2/session.key' => '@DOCROOT@/session.key')
        . login_sample('channels.conf') . login_log() . <<'CONF');
DirectoryIndex index.html
EventStreamLog logs/streams_log "%u %U %M %X"
# what docs/logins.md warns of
<Location "/events/room-redirected">
    AuthFormLoginRequiredLocation "/login.html"
</Location>
<Location "/logout/nameless">
    AuthName "another"
</Location>
<Location "/events/room-told">
    EventStreamErrorForm event
</Location>
<Location "/events/room-renewed">
    SessionMaxAge 1800
</Location>
CONF

my $form = 'Content-Type: application/x-www-form-urlencoded';

sub login
{
    my ($user, $password) = @_;
    return request($httpd, 'POST', '/login', headers => [$form],
        body => "httpd_username=$user&httpd_password=$password");
}

sub cookie_of
{
    my ($head) = @_;
    return $head =~ /^Set-Cookie: (session=[^;]+);/m ? "Cookie: $1" : '';
}

my %cookie = map { ($_ => cookie_of(login($_, 'secret')->{head})) }
    qw(ann bob app);

sub status_of
{
    my ($path, @headers) = @_;
    return subscribe($httpd, $path, headers => \@headers)->status;
}

# ---- With a session, and without ---------------------------------------------

try_channels($httpd, 'form', headers => sub { $cookie{$_[0]} });
my $answer = login('ann', 'secret');
is $answer->{status} . ' ' . $answer->{headers}{location}, '302 /members/',
    'a login leads to the pages of members';
like $answer->{head}, qr/^Set-Cookie:\ session=\S+Max-Age=1800;path=\/;
    HttpOnly;Secure;SameSite=Lax\r$/mx, 'its cookie is not for scripts';
unlike $answer->{head}, qr/ann|secret/, 'and cannot be read';
$answer = login('ann', 'wrong');
is $answer->{status} . ' ' . $answer->{headers}{location},
    '302 /login.html?again', 'a wrong password leads to the login page';
is status_of('/events', cookie_of($answer->{head})), 401,
    'the session that it gets has no user';
is login('eve', 'secret')->{headers}{location}, '/login.html?again',
    'as does an unknown user';
$answer = get($httpd, '/members/');
is $answer->{status} . ' ' . ($answer->{headers}{location} || ''),
    '302 /login.html', 'a page without a login leads there, too';
is status_of('/events/room-redirected'), 302,
    'a stream would with AuthFormLoginRequiredLocation';
is refused_as_event($httpd, '/events/room-told'), 'unauthorized',
    'a stream with EventStreamErrorForm tells the page';
is refused_as_event($httpd, '/events/room-told', $cookie{ann}), 'stream-open',
    'and opens with a login';
is get($httpd, '/members/', $cookie{ann})->{body}, "members\n",
    'a page with a login';
like cookie_of(request($httpd, 'HEAD', '/members/',
    headers => [$cookie{ann}])->{head}), qr/session=/, 'renews the session';

(my $changed = $cookie{ann}) =~ s/(session=.{20})(.)/$1 . ($2 eq 'A' ? 'B'
    : 'A')/e;
is status_of('/events', $changed), 401, 'a cookie that was changed';
is status_of('/events', 'Cookie: session=ann'), 401, 'one that is none';
is status_of('/events', 'Cookie: session=' . 'A' x 4000), 401, 'a long one';
is status_of('/events', 'Cookie: other=1; ' . $cookie{ann} =~ s/^Cookie: //r),
    200, 'one beside others';

# A stream renews the session where it may.
my $client = opens(subscribe($httpd, '/events', headers => [$cookie{ann}]),
    'a stream');
is cookie_of($client->head), '', 'its head does not renew the session';
my $renewing = opens(subscribe($httpd, '/events/room-renewed',
    headers => [$cookie{ann}]), 'a stream with SessionMaxAge');
my $renewed = cookie_of($renewing->head);
like $renewed, qr/session=/, 'its head renews the session';
isnt $renewed, $cookie{ann}, 'the cookie is a new one';
is status_of('/events', $renewed), 200, 'which is valid';
like $renewing->header('cache-control'), qr/\bno-store\b/,
    'and no cache keeps it';
is_deeply [grep { /^ann 200 GET \/events/ && !/detached/ } logged($httpd)], [],
    'no stream of a user holds a worker';
SKIP: {
    skip 'this httpd has no mod_http2', 3 if !$h2;
    my $over_h2 = opens(subscribe($httpd, '/events/room-renewed', http2 => 1,
        headers => [$cookie{ann}]), 'a stream over HTTP/2');
    like $over_h2->header('set-cookie'), qr/^session=/,
        'its head renews the session, too';
    is subscribe($httpd, '/events/user-bob', http2 => 1,
        headers => [$cookie{ann}])->status, 403, 'the channel of another user';
}

# ---- Bodies, of which mod_auth_form reads some itself ------------------------

my $json = '{"channel": "user-ann", "text": "%s"}';
sub post
{
    my ($type, $body, @headers) = @_;
    return request($httpd, 'POST', '/publish', body => $body,
        headers => ["Content-Type: $type", @headers])->{status};
}
my $urlencoded = 'application/x-www-form-urlencoded';
is post($urlencoded, 'channel=user-ann&data=a+form', $cookie{ann}), 200,
    'a form with a session';
is next_text($client), 'a form', 'is published';
is post('application/x-ndjson', sprintf("$json\n" x 2, 1, 2), $cookie{ann}),
    200, 'NDJSON';
is_deeply [map { next_text($client) } 1, 2], [1, 2], 'is, too';
is post('application/json', sprintf($json, 'x' x 50_000), $cookie{ann}), 200,
    'an event of 50,000 bytes';
is length next_text($client), 50_000, 'is, too';
is post($urlencoded, 'channel=user-ann&data=x'), 401, 'a form without one';
is post('application/json', sprintf $json, 'x'), 401, 'JSON without one';
isnt post('application/json', sprintf $json, 'x' x 50_000), 200,
    'nor more than mod_auth_form reads';
is post($urlencoded, 'channel=user-ann&data=x&httpd_username=ann'
    . '&httpd_password=wrong'), 401, 'a wrong password within the form';
is post($urlencoded, 'httpd_username=ann&httpd_password=secret'
    . '&httpd_method=POST&httpd_mimetype=application/json&httpd_body='
    . '{"channel":"user-ann","text":"within"}'), 200,
    'a login that has the event within';
is next_text($client), 'within', 'publishes it';
is request($httpd, 'POST', '/publish', headers => [$cookie{ann}, $form,
    'Sec-Fetch-Site: cross-site', 'Origin: https://evil.example'],
    body => 'channel=user-ann&data=x')->{status}, 403,
    'a page of another site does not publish with the cookie';

# ---- What ends it ------------------------------------------------------------

$answer = get($httpd, '/logout', $cookie{ann});
like "$answer->{status} $answer->{headers}{location}", qr{^30\d /login\.html$},
    'a logout leads to the login page';
is status_of('/events', cookie_of($answer->{head})), 401,
    'its cookie has no user';
is status_of('/events', cookie_of(get($httpd, '/logout/nameless',
    $cookie{bob})->{head})), 200, 'with another AuthName the user stays in it';
is status_of('/events', $cookie{ann}), 200,
    'a copy of the old one is still valid';
is publish($httpd, 'user-ann', 1, headers => [$cookie{app}])->{status}, 200,
    'what is published after the logout';
is next_text($client), 1, 'goes to the stream that is open';

# The application can end it.
sub revoke
{
    my ($who, $query) = @_;
    return request($httpd, 'DELETE', "/control?$query",
        headers => [$cookie{$who}])->{status};
}
my $bob = opens(subscribe($httpd, '/events', headers => [$cookie{bob}]),
    'bob listens');
is revoke('ann', 'user=bob'), 403, 'a user does not end the streams of another';
is request($httpd, 'DELETE', '/publish?user=bob&channel=room-1',
    headers => [$cookie{ann}])->{status}, 403, 'nor where she publishes';
is revoke('app', 'user=ann'), 200, 'the application ends those of ann';
ok $_->is_ended(10), 'a stream of hers ends cleanly' for $client, $renewing;
wait_for(
    sub {
        EventStream::Httpd::slurp($httpd->root . '/logs/streams_log')
            =~ m{^ann /events detached revoked$}m;
    }, 10, 'the log of streams has the user, and why it has ended');
is status_of('/events', $cookie{ann}), 403,
    'with the copy of the old cookie she gets no new one';
is revoke('app', 'user=ann&for=0'), 200, 'until she may again';
$client = opens(subscribe($httpd, '/events', headers => [$cookie{ann}]),
    'then she listens');
is publish($httpd, 'news', 'all', headers => [$cookie{app}])->{status}, 200,
    'an event for all';
is next_text($bob), 'all', 'the stream of bob is still the same';
is next_text($client), 'all', 'and hers is there';
$bob->close;

EventStream::Httpd::spew($httpd->docroot . '/users',
    login_users(qw(bob app)) . "ann:{SHA}nothing\n");
is status_of('/events', $cookie{ann}), 401,
    'with another password the cookie is not valid any more';
EventStream::Httpd::spew($httpd->docroot . '/users',
    login_users(qw(ann bob app)));
is status_of('/events', $cookie{ann}), 200, 'as with the old one it is';

$clock->step(1900);
is status_of('/events', $cookie{ann}), 401,
    'after half an hour without a request the session is over';
is refused_as_event($httpd, '/events/room-told', $cookie{ann}), 'unauthorized',
    'the page can be told that, too';
$cookie{app} = cookie_of(login('app', 'secret')->{head});
is publish($httpd, 'user-ann', 2, headers => [$cookie{app}])->{status}, 200,
    'what is published then';
is next_text($client), 2, 'goes to the stream that is open';
unlink $httpd->docroot . '/users';
is status_of('/events', $cookie{app}), 500, 'no file of passwords';
$client->close;
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
