#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/certificates.conf with channels.conf: certificates of clients name
# users, whose streams over TLS hold no worker. One that is revoked, or of
# another authority, is no login.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Client;
use EventStream::Daemon;
use EventStream::Httpd;
use EventStream::Login;
use EventStream::Snippets;

plan skip_all => 'this httpd has no mod_ssl'
    if !EventStream::Httpd->has_module('ssl');
my $detaches = EventStream::Httpd->build('detaches_tls') eq 'yes';
my $h2 = EventStream::Httpd->has_module('http2');

# ---- Authorities and their clients -------------------------------------------

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);

sub openssl { return EventStream::Daemon->run('openssl', @_) }

sub authority
{
    my ($name) = @_;
    return openssl(qw(req -x509 -days 2), @key, '-subj', "/CN=$name",
        '-keyout', "$dir/$name.key", '-out', "$dir/$name.pem");
}

sub client_of
{
    my ($authority, $name, $cn) = @_;
    openssl('req', @key, '-subj', "/CN=$cn", '-keyout', "$dir/$name.key",
        '-out', "$dir/$name.csr");
    return openssl(qw(x509 -req -days 2 -CAcreateserial -in), "$dir/$name.csr",
        '-CA', "$dir/$authority.pem", '-CAkey', "$dir/$authority.key",
        '-out', "$dir/$name.pem");
}

authority($_) for qw(clients others);
client_of('clients', $_, $_) for qw(ann bob app revoked);
client_of('others', 'stranger', 'ann');
authority('ann-herself');
write_file("$dir/ca.conf", <<"CONF");
[ca]
default_ca = clients
[clients]
database = $dir/index
certificate = $dir/clients.pem
private_key = $dir/clients.key
default_md = sha256
default_crl_days = 2
CONF
write_file("$dir/index", '');

sub revoke
{
    my ($name) = @_;
    openssl('ca', '-config', "$dir/ca.conf", '-revoke', "$dir/$name.pem");
    return openssl('ca', '-config', "$dir/ca.conf", '-gencrl',
        '-out', "$dir/clients.crl");
}
revoke('revoked');

# ---- httpd -------------------------------------------------------------------

# The sample as a host at another port, with further changes.
sub host
{
    my ($port, %replace) = @_;
    return "Listen 127.0.0.1:\@PORT:$port\@ https\n"
        . login_sample('certificates.conf',
            '*:443' => "127.0.0.1:\@PORT:$port\@",
            '/etc/ssl/events.pem' => '@CERT@', '/etc/ssl/events.key' => '@KEY@',
            '/etc/ssl/clients-ca.pem' => "$dir/clients.pem",
            '/etc/ssl/clients.crl' => "$dir/clients.crl",
            'Include "conf-available/channels.conf"' =>
                login_sample('channels.conf'), %replace);
}

my $fake = <<'CONF';
    SSLOptions +FakeBasicAuth
    <Location "/events">
        AuthType Basic
        AuthName "events"
        AuthUserFile "@DOCROOT@/subjects"
    </Location>
CONF
my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => $h2,
    modules => [login_modules(qw(auth_basic authn_file))],
    # the password of all is "password", as mod_ssl says it
    files => {subjects => "/CN=ann:xxj31ZMTZzkVA\n"},
    conf => login_log() . host('events')
        . host('optional', 'SSLVerifyClient require' =>
            'SSLVerifyClient optional')
        . host('section', 'SSLVerifyClient require' => <<'CONF')
<Location "/events">
        SSLVerifyClient require
    </Location>
CONF
        . host('fake', 'SSLUserName SSL_CLIENT_S_DN_CN' => $fake));

sub url { return 'https://localhost:' . $httpd->port_of($_[0]) . $_[1] }

sub certificate
{
    my ($name) = @_;
    return $name eq '' ? ()
        : ('--cert', "$dir/$name.pem", '--key', "$dir/$name.key");
}

sub stream
{
    my ($port, $name, $path, @arguments) = @_;
    return subscribe($httpd, $path, tls => 1, url => url($port, $path),
        curl => [certificate($name), @arguments]);
}

sub post_event
{
    my ($name, $channel, $text) = @_;
    my (undef, $status) = curl(certificate($name), '-o', '/dev/null', '-w',
        '%{http_code}', '-H', 'Content-Type: text/plain', '-d', $text,
        url('events', "/publish?channel=$channel"));
    return {status => 0 + $status};
}

# ---- Users -------------------------------------------------------------------

# Who has no certificate has no connection: there is no status.
try_channels($httpd, 'certificate', nobody => 0, post => \&post_event,
    open => sub { stream('events', @_) });
is stream('events', $_, '/events')->status, 0, "no connection: $_"
    for 'revoked', 'stranger', 'ann-herself';
for my $version ('1.2', '1.3') {
    opens(stream('events', 'ann', '/events', '--tls-max', $version),
        "a stream over TLS $version");
}
is_deeply [grep { /^ann 200 GET/ && !/detached/ } logged($httpd)], [],
    'no stream over HTTP/1.1 holds a worker' if $detaches;
SKIP: {
    skip 'this httpd has no mod_http2', 2 if !$h2;
    opens(stream('events', 'ann', '/events', '--http2'),
        'a stream over HTTP/2');
    is stream('events', 'ann', '/events/user-bob', '--http2')->status, 403,
        'the channel of another user';
}

# ---- What docs/logins.md says of other ways ----------------------------------

is stream('optional', 'ann', '/events')->status, 200,
    'optional: who has a certificate';
is stream('optional', '', '/events')->status, 500,
    'optional: who has none is not admitted';
sub detached
{
    return grep { $_ eq 'ann 200 GET /events detached' } logged($httpd);
}
my $before = detached();
opens(stream('section', 'ann', '/events', '--tls-max', $_, '--http1.1'),
    "in a section: curl over TLS $_") for '1.2', '1.3';
wait_for(sub { detached() == $before + 2 }, 10, 'both hold no worker')
    if $detaches;

# A client that has a certificate, but does not say that it may be asked for it
# after the handshake: so are browsers.
my ($port, $answer) = ($httpd->port_of('section'));
my $pid = open my $out, '-|', 'sh', '-c',
    "printf 'GET /events HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' |"
    . " openssl s_client -quiet -tls1_3 -cert '$dir/ann.pem'"
    . " -key '$dir/ann.key' -connect 127.0.0.1:$port 2> /dev/null"
    or die "openssl: $!";
$answer = <$out> // 'none';
like $answer, qr{^HTTP/1\.1 403 }, 'in a section: not a client as browsers are';
kill TERM => $pid;
close $out;

opens(stream('fake', 'ann', '/events/news'), 'FakeBasicAuth: ann');
is stream('fake', 'bob', '/events/news')->status, 401,
    'FakeBasicAuth: a certificate that is not in the file';
is stream('fake', 'ann', '/events/user-ann')->status, 403,
    'FakeBasicAuth: ann is not the name of the user';
wait_for(
    sub { grep { $_ eq '/CN=ann 403 GET /events/user-ann' } logged($httpd) },
    10, 'but the whole subject');

# ---- A certificate is revoked while a stream is open -------------------------

my $client = opens(stream('events', 'bob', '/events'), 'bob listens');
revoke('bob');
ok $httpd->graceful, 'httpd reads who is revoked';
is stream('events', 'bob', '/events')->status, 0,
    'revoked: bob has no connection any more';
is post_event('app', 'user-bob', 'still')->{status}, 200, 'an event for him';
SKIP: {
    skip 'a client that is held reconnects', 1 if !$detaches;
    is next_text($client), 'still', 'his stream goes on';
}
$client->close;
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
