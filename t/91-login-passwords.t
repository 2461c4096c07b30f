#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/basic.conf and digest.conf with channels.conf: who has a password
# hears and publishes what is his, and nobody else does.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Digest::MD5 qw(md5_hex);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Login;

my @missing = grep { !EventStream::Httpd->has_module($_) }
    qw(auth_digest authn_socache);
plan skip_all => "this httpd has no mod_$missing[0]" if @missing;

# ---- Basic -------------------------------------------------------------------

my $httpd = EventStream::Httpd->start(
    modules => [login_modules(qw(auth_basic authn_file authn_socache
        socache_shmcb))],
    files => {users => login_users(qw(ann bob app))},
    conf => login_sample('basic.conf',
        '/etc/apache2/events.users' => '@DOCROOT@/users')
        . login_sample('channels.conf') . login_log() . <<'CONF');
<Location "/events/room-told">
    EventStreamErrorForm event
</Location>
# what docs/logins.md warns of
<Location "/any">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    AuthType Basic
    AuthName "events"
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
    Require eventstream-channel "user-%{REMOTE_USER}"
</Location>
CONF

sub status_of
{
    my ($path, @headers) = @_;
    return subscribe($httpd, $path, headers => \@headers)->status;
}

try_channels($httpd, 'basic', headers => sub { basic($_[0], 'secret') });
my $answer = get($httpd, '/events');
is $answer->{headers}{'www-authenticate'}, 'Basic realm="events"',
    'basic: nobody is asked for a password';
is status_of('/events', basic('ann', 'wrong')), 401, 'basic: a wrong password';
is status_of('/events', basic('eve', 'secret')), 401, 'basic: an unknown user';
is status_of('/events', basic('', '')), 401, 'basic: no name';
is status_of('/events', 'Authorization: Basic ='), 401, 'basic: no base64';
is publish($httpd, 'user-ann', 'x', headers => [basic('ann', 'wrong')])
    ->{status}, 401, 'basic: a wrong password does not publish';
is refused_as_event($httpd, '/events/room-told', basic('ann', 'wrong')),
    'unauthorized', 'basic: a stream can tell the page';
is refused_as_event($httpd, '/events/room-told', basic('ann', 'secret')),
    'stream-open', 'basic: and opens with the right password';
is status_of('/any?c=user-bob', basic('ann', 'secret')), 200,
    'two lines of Require without RequireAll: one of them is enough';
is_deeply [grep { /^ann 200 GET/ && !/detached/ } logged($httpd)], [],
    'basic: no stream of a user holds a worker';
ok scalar(grep { $_ eq 'ann 200 GET /events detached' } logged($httpd)),
    'basic: the access log has the user';

# Names are no patterns and no templates. One that no channel can have gets 400.
my %own = ('*' => 200, 'a b' => 200, "\xc3\xbc" => 200, 'a,b' => 200,
    '{room}' => 200, '%{REMOTE_USER}' => 200, '%62ob' => 200, '../bob' => 200,
    BOB => 200, 'user-bob' => 200, 'x' x 250 => 200, 'x' x 251 => 400,
    'bob ' => 400, "b\tob" => 400, "bob\x01" => 400, "\xfc" => 400);
EventStream::Httpd::spew($httpd->docroot . '/users',
    login_users(qw(ann bob app), keys %own));
for my $name (sort keys %own) {
    my @login = basic($name, 'secret');
    my $shown = substr $name =~ s/[^ -~]/?/gr, 0, 20;
    is status_of('/events', @login), $own{$name},
        "a user called '$shown' gets $own{$name}";
    is status_of('/events/user-bob', @login), 403, 'and nothing of bob';
    is publish($httpd, 'user-bob', 'x', headers => \@login)->{status}, 403,
        'nor publishes to him';
}

# A user who is removed: the cache knows him for a while, streams stay.
my $client = opens(subscribe($httpd, '/events',
    headers => [basic('bob', 'secret')]), 'basic: bob listens');
EventStream::Httpd::spew($httpd->docroot . '/users', login_users('app'));
is status_of('/events', basic('bob', 'secret')), 200,
    'basic: the cache admits a user who was removed';
ok $httpd->restart, 'httpd restarts, with an empty cache';
is status_of('/events', basic('bob', 'secret')), 401,
    'basic: then he is unknown';
is publish($httpd, 'user-bob', 'x', headers => [basic('app', 'secret')])
    ->{status}, 200, 'basic: what is published for him';
is next_text($client), 'x', 'basic: his stream goes on';
$client->close;
unlink $httpd->docroot . '/users';
is status_of('/events', basic('ann', 'secret')), 500,
    'basic: no file of passwords';
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- Digest ------------------------------------------------------------------

$httpd = EventStream::Httpd->start(
    modules => [login_modules(qw(auth_digest authn_file))],
    files => {digests => login_digests(qw(ann bob app))},
    conf => login_sample('digest.conf',
        '/etc/apache2/events.digest' => '@DOCROOT@/digests')
        . login_sample('channels.conf') . login_log() . <<'CONF');
# mod_auth_digest of httpd 2.4.68 does not merge sections
<Location "/events/room-brief">
    AuthName "events"
    AuthDigestProvider file
    AuthDigestNonceLifetime 1
</Location>
# what docs/logins.md warns of
<Location "/events/room-told">
    AuthName "events"
    AuthDigestProvider file
    AuthDigestNonceLifetime 1
    EventStreamErrorForm event
</Location>
CONF

sub challenge
{
    my ($answer) = @_;
    my $text = $answer->{headers}{'www-authenticate'} || '';
    return {$text =~ /(\w+)="?([^",]*)/g};
}

my $count = 0;
sub digest
{
    my ($user, $password, $method, $path, $nonce) = @_;
    $nonce //= challenge(get($httpd, $path))->{nonce};
    my $nc = sprintf '%08x', ++$count;
    my $response = md5_hex(join ':', md5_hex("$user:events:$password"),
        $nonce, $nc, 'abc', 'auth', md5_hex("$method:$path"));
    return qq(Authorization: Digest username="$user", realm="events", )
        . qq(nonce="$nonce", uri="$path", qop=auth, nc=$nc, cnonce="abc", )
        . qq(response="$response", algorithm=MD5);
}

try_channels($httpd, 'digest',
    headers => sub { digest($_[0], 'secret', @_[1, 2]) });
is challenge(get($httpd, '/events'))->{realm}, 'events',
    'digest: nobody is asked for a password';
is status_of('/events', digest('ann', 'wrong', 'GET', '/events')), 401,
    'digest: a wrong password';
is status_of('/events', digest('eve', 'secret', 'GET', '/events')), 401,
    'digest: an unknown user';
is status_of('/events/user-ann', digest('ann', 'secret', 'GET', '/events')),
    400, 'digest: the response of another path';
is status_of('/events', digest('ann', 'secret', 'GET', '/events', 'x' x 52)),
    401, 'digest: a nonce that httpd has not made';
opens(curl_stream('--digest', '-u', 'ann:secret', $httpd->url('/events')),
    'digest: curl listens')->close;

# A nonce that has expired: the browser gets a new one without a question.
my $path = '/events/room-brief';
my $nonce = challenge(get($httpd, $path))->{nonce};
$client = opens(subscribe($httpd, $path, headers =>
    [digest('ann', 'secret', 'GET', '/events/room-brief')]),
    'digest: a client of a nonce that lasts a second');
wait_for(
    sub {
        $answer = request($httpd, 'HEAD', $path, headers =>
            [digest('ann', 'secret', 'HEAD', $path, $nonce)]);
        return $answer->{status} == 401;
    }, 20, 'digest: the nonce expires');
is challenge($answer)->{stale}, 'true', 'digest: the answer says so';
is refused_as_event($httpd, '/events/room-told',
    digest('ann', 'secret', 'GET', '/events/room-told', $nonce)),
    'unauthorized', 'digest: not with EventStreamErrorForm event';
is publish($httpd, 'room-brief', 'x', headers =>
    [digest('app', 'secret', 'POST', '/publish?channel=room-brief')])->{status},
    200, 'digest: what is published then';
is next_text($client), 'x', 'digest: the stream that is open goes on';
$client->close;
is_deeply [grep { /^ann 200 GET/ && !/detached/ } logged($httpd)], [],
    'digest: no stream of a user holds a worker';
unlink $httpd->docroot . '/digests';
is status_of('/events', digest('ann', 'secret', 'GET', '/events')), 500,
    'digest: no file of hashes';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
