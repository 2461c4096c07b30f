#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients over TLS and HTTP/1.1 hold no worker: mod_ssl makes the handshake and
# sends the head, and the delivery seals what follows. All that mod_ssl does for
# a request works as before.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use IPC::Open3;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

plan skip_all => 'built without mod_ssl_openssl.h'
    if EventStream::Httpd->build('detaches_tls') ne 'yes';

my %ciphers = (
    'TLS 1.3, AES-128' => ['--tls13-ciphers', 'TLS_AES_128_GCM_SHA256'],
    'TLS 1.3, AES-256' => ['--tls13-ciphers', 'TLS_AES_256_GCM_SHA384'],
    'TLS 1.3, ChaCha20' => ['--tls13-ciphers', 'TLS_CHACHA20_POLY1305_SHA256'],
    'TLS 1.2, AES-128' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256'],
    'TLS 1.2, AES-256' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES256-GCM-SHA384'],
    'TLS 1.2, ChaCha20' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-CHACHA20-POLY1305'],
);
my @names = sort keys %ciphers;

my $endpoints = <<'CONF';
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
    EventStreamKeepAlive 0
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub opens
{
    my ($client) = @_;
    return ($client->next_event(10) || {event => ''})->{event}
        eq 'stream-open';
}

sub gets
{
    my ($client, $data, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is +($client->next_event(10) || {data => 'nothing'})->{data}, $data,
        $name;
}

sub no_worker
{
    my ($httpd, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { (busy_workers($httpd) // 1) == 0 }, 5, $name);
}

# ---- openssl s_client --------------------------------------------------------

# -state shows alerts; a line of K asks for new keys.
sub s_client
{
    my ($httpd, @args) = @_;
    my $pid = open3(my $in, my $out, undef, 'openssl', 's_client', '-state',
        '-connect', '127.0.0.1:' . $httpd->ssl_port, @args);
    $in->autoflush(1);
    return {pid => $pid, in => $in, out => $out, text => ''};
}

sub says
{
    my ($peer, $what, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $until = time + 10;
    my $ready = '';
    vec($ready, fileno $peer->{out}, 1) = 1;
    while ($peer->{text} !~ $what && time < $until) {
        next if !select my $readable = $ready, undef, undef, 0.2;
        last if !sysread $peer->{out}, $peer->{text}, 65536,
            length $peer->{text};
    }
    my $found = ok $peer->{text} =~ $what, $name;
    diag substr $peer->{text}, -1000 if !$found;
    return $found;
}

sub ask
{
    my ($peer, $path, @headers) = @_;
    print {$peer->{in}} join "\r\n", "GET $path HTTP/1.1", 'Host: localhost',
        @headers, '', '';
    return;
}

sub leave
{
    my ($peer) = @_;
    close $peer->{in};
    kill TERM => $peer->{pid};
    waitpid $peer->{pid}, 0;
    return;
}

# ---- Each cipher -------------------------------------------------------------

my $keys = "/tmp/es-keys-$$";
my $httpd = EventStream::Httpd->start(
    ssl => 1, modules => ['status'], env => {SSLKEYLOGFILE => $keys},
    files => {'page.txt' => "a page\n", 'big.txt' => 'x' x 300_000 . "\n"},
    conf => status_conf() . $endpoints . <<'CONF');
SSLSessionCache shmcb:@ROOT@/run/sessions(65536)
SSLSessionTickets off
EventStreamDrain 1
ErrorDocument 404 /events/lost
<Location "/events/certified">
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
</Location>
# by name; it comes after the first host of this port, see below
<VirtualHost 127.0.0.1:@SSL_PORT@>
ServerName localhost
SSLEngine on
SSLCertificateFile "@CERT@"
SSLCertificateKeyFile "@KEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@SSL_PORT@>
ServerName held.example
SSLEngine on
SSLCertificateFile "@CERT@"
SSLCertificateKeyFile "@KEY@"
EventStreamDetachTLS off
</VirtualHost>
<VirtualHost 127.0.0.1:@SSL_PORT@>
ServerName other.example
SSLEngine on
SSLCertificateFile "@CERT@"
SSLCertificateKeyFile "@KEY@"
</VirtualHost>
CONF
like $httpd->error_log, qr/ES0022: clients over TLS are detached/,
    'the start tells that clients over TLS are detached';
my ($took) = $httpd->error_log =~ /the self-test took (\d+) us/;
diag "the self-test took $took us";
unlike $httpd->error_log, qr/ES0023/, 'no cipher has failed the self-test';

my %client = map {
    ($_ => subscribe($httpd, '/events/news', tls => 1, curl => $ciphers{$_}))
} @names;
is $client{$_}->status, 200, "$_: the answer is 200" for @names;
ok opens($client{$_}), "$_: the stream opens" for @names;
no_worker($httpd, 'no worker is held');
is publish($httpd, 'news', 'hello')->{json}{clients}, @names + 0,
    'they are counted';
gets($client{$_}, 'hello', "$_: it receives an event") for @names;
# as many frames as fit are in a record, and a frame in as many as it takes
my @texts = map { "$_ " . 'x' x ($_ * 997) } 1 .. 60;
publish($httpd, 'news', $_) for @texts;
for my $name (@names) {
    is_deeply [map { $_->{data} } $client{$name}->events(scalar @texts, 20)],
        \@texts, "$name: it receives events of all sizes";
}
no_worker($httpd, 'still no worker is held');

# ---- Connections that have done other things before --------------------------

my ($exit, $text) = curl('--http1.1', '-w', "connects %{num_connects}\n",
    '--max-time', 6, $httpd->ssl_url('/page.txt'), '-o', '/dev/null',
    $httpd->ssl_url('/big.txt'), $httpd->ssl_url('/events/news'));
is $exit, 28, 'a stream on a connection with other requests before lasts';
like $text, qr/^connects 1\n(?s:.*)stream-open(?s:.*)^connects 0$/m,
    'it is on the same connection';
no_worker($httpd, 'it holds no worker');

my $peer = s_client($httpd, '-tls1_3');
ask($peer, '/events/news');
says($peer, qr/stream-open/, 's_client: the stream opens');
publish($httpd, 'news', 'before');
says($peer, qr/data: before/, 's_client: it receives an event');
print {$peer->{in}} "K\n";
says($peer, qr/KEYUPDATE/, 's_client: it sends KeyUpdate and asks for another');
publish($httpd, 'news', 'between');
says($peer, qr/data: between/, 's_client: it receives an event after that');
print {$peer->{in}} "k\n";
sleep 0.2;
publish($httpd, 'news', 'after');
says($peer, qr/data: after/, 's_client: and after another');
leave($peer);

$peer = s_client($httpd, '-tls1_3');
says($peer, qr/^Verify return code/m, 's_client: the handshake ends');
print {$peer->{in}} "K\n";
says($peer, qr/KEYUPDATE/, 's_client: KeyUpdate before the request');
ask($peer, '/page.txt');
says($peer, qr/a page/, 's_client: a page with the new keys');
ask($peer, '/events/news');
says($peer, qr/stream-open/, 's_client: then a stream opens');
publish($httpd, 'news', 'renewed');
says($peer, qr/data: renewed/, 's_client: it receives an event');
no_worker($httpd, 's_client: it holds no worker');
leave($peer);

# mod_ssl answers so, too
$peer = s_client($httpd, '-tls1_2');
ask($peer, '/events/news');
says($peer, qr/stream-open/, 's_client, TLS 1.2: the stream opens');
no_worker($httpd, 's_client, TLS 1.2: it holds no worker');
print {$peer->{in}} "R\n";
says($peer, qr/alert read:warning:no renegotiation/,
    's_client, TLS 1.2: no_renegotiation is what it gets for a renegotiation');
wait_clients($httpd, 'news', scalar @names, 10);
leave($peer);

# what follows the request is dropped, as for a plain client
$peer = s_client($httpd, '-tls1_3', '-ign_eof');
print {$peer->{in}} "GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n"
    . "GET /page.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
says($peer, qr/stream-open/, 'a request and another at once: the stream opens');
publish($httpd, 'news', 'alone');
says($peer, qr/data: alone/, 'a request and another at once: an event comes');
unlike $peer->{text}, qr/a page/, 'the other request is not answered';
no_worker($httpd, 'it holds no worker');
leave($peer);

# httpd finishes each of the requests that led here
my $lost = subscribe($httpd, '/nowhere', tls => 1);
is $lost->status, 200, 'after an internal redirect: the answer is 200';
ok opens($lost), 'after an internal redirect: the stream opens';
no_worker($httpd, 'after an internal redirect: no worker is held');
publish($httpd, 'lost', 'found');
gets($lost, 'found', 'after an internal redirect: it receives an event');
request($httpd, 'DELETE', '/publish?channel=lost');
ok $lost->is_ended(10), 'after an internal redirect: its end is clean';

# ---- Resumption --------------------------------------------------------------

# OpenSSL forgets a session whose connection was not closed properly; a detached
# one was, as far as it knows.
for my $version ('-tls1_2', '-tls1_3') {
    my $file = $httpd->root . "/session$version";
    $peer = s_client($httpd, $version, '-sess_out', $file);
    ask($peer, '/events/news');
    says($peer, qr/stream-open/, "$version: a stream opens");
    ok wait_for(sub { -s $file }, 5), "$version: s_client keeps the session";
    no_worker($httpd, "$version: it is detached");
    leave($peer);
    $peer = s_client($httpd, $version, '-sess_in', $file);
    says($peer, qr/^Reused, TLS/m, "$version: another connection resumes it");
    ask($peer, '/events/news');
    says($peer, qr/stream-open/, "$version: a stream opens there");
    publish($httpd, 'news', "again$version");
    says($peer, qr/data: again$version/, "$version: it receives an event");
    no_worker($httpd, "$version: it holds no worker");
    leave($peer);
}

# ---- Client certificates -----------------------------------------------------

my @own = ('-cert', $httpd->cert, '-key', $httpd->root . '/key.pem');
for my $how (['-tls1_3', '-enable_pha'], ['-tls1_2']) {
    $peer = s_client($httpd, @$how, @own);
    ask($peer, '/events/certified');
    says($peer, qr/stream-open/,
        "$how->[0]: a client with a certificate opens");
    publish($httpd, 'certified', 'to you');
    says($peer, qr/data: to you/, "$how->[0]: it receives an event");
    no_worker($httpd, "$how->[0]: it holds no worker");
    leave($peer);
}

# ---- Virtual hosts by name ---------------------------------------------------

sub at_host
{
    my ($host, @args) = @_;
    my $port = $httpd->ssl_port;
    return subscribe($httpd, undef, tls => 1,
        url => "https://$host:$port/events/hosts",
        curl => ['--resolve', "$host:$port:127.0.0.1", @args]);
}

for my $version ('1.2', '1.3') {
    my $other = at_host('other.example', '--tls-max', $version);
    ok opens($other), "SNI, TLS $version: a client of another host opens";
    publish($httpd, 'hosts', 'over there');
    gets($other, 'over there', "SNI, TLS $version: it receives an event");
    no_worker($httpd, "SNI, TLS $version: it holds no worker");
    my $held = at_host('held.example', '--tls-max', $version);
    ok opens($held), "EventStreamDetachTLS off, TLS $version: a client opens";
    wait_for(sub { (busy_workers($httpd) // 0) == 1 }, 5,
        "EventStreamDetachTLS off, TLS $version: it holds a worker");
    publish($httpd, 'hosts', 'held');
    gets($_, 'held', "TLS $version: both receive an event") for $other, $held;
    $_->close for $other, $held;
    no_worker($httpd, "TLS $version: the worker is free when it leaves");
}
like $httpd->error_log, qr/ES0405: .*EventStreamDetachTLS is off/,
    'the reason is in the log';

# ---- Clients that are held ---------------------------------------------------

my $held = subscribe($httpd, '/events/news', tls => 1,
    curl => ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-SHA']);
ok opens($held), 'a cipher that we do not seal: a client opens';
wait_for(sub { (busy_workers($httpd) // 0) == 1 }, 5,
    'a cipher that we do not seal: it holds a worker');
publish($httpd, 'news', 'held');
gets($held, 'held', 'a cipher that we do not seal: it receives an event');
like $httpd->error_log, qr/ES0405: .*not AES-GCM or ChaCha20/,
    'a cipher that we do not seal: the reason is in the log';
$held->close;
no_worker($httpd, 'the worker is free when it leaves');

# A client that asks for short records.
$peer = s_client($httpd, '-tls1_3', '-maxfraglen', '1024');
ask($peer, '/events/news');
says($peer, qr/stream-open/, 'short records: a client opens');
wait_for(sub { (busy_workers($httpd) // 0) == 1 }, 5,
    'short records: it holds a worker');
publish($httpd, 'news', 'short');
says($peer, qr/data: short/, 'short records: it receives an event');
like $httpd->error_log, qr/ES0405: .*asked for short records/,
    'short records: the reason is in the log';
leave($peer);

# ---- graceful, kill, restart -------------------------------------------------

$_->close for values %client;
wait_clients($httpd, 'news', 0, 10);
%client = map {
    ($_ => subscribe($httpd, '/events/news', tls => 1, curl => $ciphers{$_}))
} @names;
ok opens($client{$_}), "$_: a stream opens before graceful" for @names;
publish($httpd, 'news', 'one');
gets($client{$_}, 'one', "$_: an event before graceful") for @names;
for my $round (1, 2) {
    ok $httpd->graceful, "graceful $round";
    publish($httpd, 'news', "graceful $round");
    gets($client{$_}, "graceful $round", "$_: an event after graceful $round")
        for @names;
}
ok $httpd->restart, 'restart';
publish($httpd, 'news', 'restarted');
gets($client{$_}, 'restarted', "$_: an event after restart") for @names;
is publish($httpd, 'news', 'all')->{json}{clients}, @names + 0,
    'all are counted';
gets($client{$_}, 'all', "$_: another event after restart") for @names;

my ($victim) = $httpd->children;
$httpd->kill_child($victim);
publish($httpd, 'news', 'killed');
my @left = grep { ($_->next_event(3) || {data => ''})->{data} eq 'killed' }
    values %client;
is scalar(grep { $_->is_cut } values %client), @names - @left,
    'kill -9 of a child cuts its clients and no others';
$_->close for values %client;

# ---- The end -----------------------------------------------------------------

$client{$_} = subscribe($httpd, '/events/last', tls => 1,
    curl => $ciphers{$_}) for @names;
ok opens($client{$_}), "$_: a stream opens" for @names;
my @peers = map { s_client($httpd, $_) } '-tls1_2', '-tls1_3';
for (@peers) {
    ask($_, '/events/last');
    says($_, qr/stream-open/, 's_client: a stream opens');
}
request($httpd, 'DELETE', '/publish?channel=last');
ok $client{$_}->is_ended(10), "$_: the end of a channel is a clean end"
    for @names;
for (@peers) {
    says($_, qr/alert read:warning:close notify/,
        's_client: close_notify comes');
    like $_->{text}, qr/\r\n0\r\n\r\n/, 's_client: after the last chunk';
    unlike $_->{text}, qr/unexpected eof|bad record mac/,
        's_client: and nothing is wrong';
    leave($_);
}

# ---- What else must be as before ---------------------------------------------

open my $in, '<', $keys or die "$keys: $!";
my $lines = do { local $/; <$in> };
close $in;
like $lines, qr/^SERVER_TRAFFIC_SECRET_0 /m,
    'SSLKEYLOGFILE: mod_ssl goes on writing keys of TLS 1.3';
like $lines, qr/^CLIENT_RANDOM /m, 'SSLKEYLOGFILE: and of TLS 1.2';
my @secrets = $lines =~ /^\w+ \w+ (\w+)$/mg;
my $log = $httpd->error_log;
is scalar(grep { index(lc $log, lc $_) >= 0 } @secrets), 0,
    'none of them is in the error log';
unlink $keys;
unlike $httpd->access_log, qr/ 408 | - -$/m, 'the access log is as ever';
unlike $log, qr/:(?:error|crit|alert|emerg)\]/, 'the error log has no error';
undef $httpd;

# ---- Other MPMs --------------------------------------------------------------

for my $mpm (qw(worker prefork)) {
    my $other = EventStream::Httpd->start(
        mpm => $mpm, ssl => 1, modules => ['status'],
        conf => status_conf() . $endpoints);
    %client = map {
        ($_ => subscribe($other, '/events/news', tls => 1,
            curl => $ciphers{$_}))
    } @names;
    ok opens($client{$_}), "$mpm, $_: the stream opens" for @names;
    no_worker($other, "$mpm: no worker is held");
    publish($other, 'news', 'hello');
    gets($client{$_}, 'hello', "$mpm, $_: it receives an event") for @names;
    ok $other->graceful, "$mpm: graceful";
    publish($other, 'news', 'on');
    gets($client{$_}, 'on', "$mpm, $_: an event after graceful") for @names;
    $other->stop;
    ok $client{$_}->is_ended(10), "$mpm, $_: stop is a clean end" for @names;
}

# ---- The directive -----------------------------------------------------------

my ($ok, $out) = EventStream::Httpd->config_test(<<'CONF');
<Location "/events">
    EventStreamDetachTLS off
</Location>
CONF
ok !$ok, 'EventStreamDetachTLS in a section is an error';
like $out, qr/EventStreamDetachTLS .*<Location/, 'httpd tells so';
($ok, $out) = EventStream::Httpd->config_test("EventStreamDetachTLS maybe\n");
ok !$ok, 'EventStreamDetachTLS takes two values';
like $out, qr/EventStreamDetachTLS takes on or off, not 'maybe'/,
    'the message has them';

done_testing;
