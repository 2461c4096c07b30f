#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients over TLS with options of mod_ssl and OpenSSL that change a handshake
# or its records: they are detached if nothing is lost by that, and held if it
# is, with the reason in the log and on the status page.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use IPC::Open3;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Relay;

plan skip_all => 'built without mod_ssl_openssl.h'
    if EventStream::Httpd->build('detaches_tls') ne 'yes';

my %version = (
    'TLS 1.2' => ['--tls-max', '1.2'], 'TLS 1.3' => ['--tlsv1.3']);
my $dir = File::Temp::tempdir('es-options-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my $keys = "$dir/keys";

sub start
{
    my ($conf, %opt) = @_;
    return EventStream::Httpd->start(
        ssl => 1, %opt, modules => ['status', @{$opt{modules} || []}],
        env => {SSLKEYLOGFILE => $keys, %{$opt{env} || {}}},
        conf => status_conf() . $conf . <<'CONF');
<LocationMatch "^/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamKeepAlive 0
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
}

sub opens
{
    my ($client) = @_;
    return ($client->next_event(10) || {event => ''})->{event}
        eq 'stream-open';
}

# A client opens, is detached (0 workers) or held (1), and gets an event.
my $texts = 0;

sub is_served
{
    my ($httpd, $workers, $name, $path, @curl) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, $path, tls => 1, curl => \@curl);
    ok opens($client), "$name: a client opens";
    wait_for(sub { (busy_workers($httpd) // -1) == $workers }, 5,
        "$name: it " . ($workers ? 'holds a worker' : 'is detached'));
    my $text = 'text ' . ++$texts;
    publish($httpd, 'news', $text);
    is +($client->next_event(10) || {data => ''})->{data}, $text,
        "$name: it gets an event";
    $client->close;
    # a write shows a proxy that its client has gone
    wait_for(sub {
        publish($httpd, 'news', 'to nobody');
        return (busy_workers($httpd) // -1) == 0;
    }, 10, "$name: it leaves no worker behind");
    return;
}

sub not_detached
{
    my ($httpd, $key) = @_;
    my $page = request($httpd, 'GET', '/server-status?auto')->{body};
    my $count = 0;
    $count += $1 while $page =~ /^EventStream\.NotDetached\.$key: (\d+)$/mg;
    return $count;
}

# ---- What openssl.cnf says ---------------------------------------------------

# It is the preset of all contexts, and mod_ssl's directives replace it in
# theirs. The self-test at start must not fail for what the site does not use.
open my $out, '>', "$dir/openssl.cnf" or die $!;
print {$out} <<'CONF';
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = presets
[presets]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_256_GCM_SHA384
CipherString = ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=4
Groups = P-384
SignatureAlgorithms = RSA-PSS+SHA256:RSA+SHA256
CONF
close $out or die $!;
my $httpd = start(<<'CONF', env => {OPENSSL_CONF => "$dir/openssl.cnf"});
SSLProtocol all
SSLCipherSuite HIGH:@SECLEVEL=1
SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256
CONF
unlike $httpd->error_log, qr/ES0023/,
    'a narrow openssl.cnf: no self-test has failed';
is_served($httpd, 0, "a narrow openssl.cnf, $_", '/events', @{$version{$_}})
    for sort keys %version;

# ---- A cipher with a fault --------------------------------------------------

# Of a provider: its AES-128-GCM works for libssl, and not for the module. A
# client must never get what it cannot read.
open $out, '>', "$dir/faulty.cnf" or die $!;
my $provider = EventStream::Httpd::builddir()
    . '/t/openssl/.libs/faultycipher.so';
print {$out} <<"CONF";
openssl_conf = all
[all]
providers = both
alg_section = preferred
[both]
default = usual
faultycipher = faulty
[usual]
activate = 1
[faulty]
module = $provider
activate = 1
[preferred]
default_properties = ?provider=faultycipher
CONF
close $out or die $!;
my %cipher = (
    'TLS 1.2 with AES-128-GCM' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256'],
    'TLS 1.3 with AES-128-GCM' => ['--tls13-ciphers', 'TLS_AES_128_GCM_SHA256'],
    'TLS 1.2 with AES-256-GCM' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES256-GCM-SHA384'],
    'TLS 1.3 with AES-256-GCM' => ['--tls13-ciphers', 'TLS_AES_256_GCM_SHA384'],
);
$httpd = start('', env => {OPENSSL_CONF => "$dir/faulty.cnf"});
my %has_failed = map { ($_ => 1) }
    $httpd->error_log =~ /ES0023: the self-test of (.*) has failed/g;
is join(', ', sort keys %has_failed),
    'TLS 1.2 with AES-128-GCM, TLS 1.3 with AES-128-GCM',
    'a cipher with a fault: notices have what has failed the self-test';
is_served($httpd, $has_failed{$_} ? 1 : 0, "a cipher with a fault, $_",
    '/events', @{$cipher{$_}})
    for sort keys %cipher;
like $httpd->error_log, qr/ES0405: .*the self-test has not passed/,
    'a cipher with a fault: the reason is in the log';
is not_detached($httpd, 'NotTested'), 2,
    'a cipher with a fault: and on the status page';

# ---- Options that change nothing for us --------------------------------------

# A renegotiation of TLS 1.2 to another cipher, from one that we do not seal,
# too; a proxy that is a client of the same host over TLS.
$httpd = start(<<'CONF', modules => ['proxy', 'proxy_http']);
SSLOpenSSLConfCmd Options KTLS,-ExtendedMasterSecret,-MiddleboxCompat
SSLCompression off
SSLSessionTickets on
SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:CHACHA20:AES128-SHA
<Location "/events/chacha20">
    SSLCipherSuite ECDHE-RSA-CHACHA20-POLY1305
    SSLRenegBufferSize 1
</Location>
SSLProxyEngine on
SSLProxyVerify none
SSLProxyCheckPeerCN off
SSLProxyCheckPeerName off
ProxyPass "/through/" "https://127.0.0.1:@SSL_PORT@/" flushpackets=on
CONF
is_served($httpd, 0, "kTLS and others, $_", '/events', @{$version{$_}})
    for sort keys %version;
is_served($httpd, 0, "renegotiated from $_", '/events/chacha20', '--tls-max',
    '1.2', '--ciphers', "$_:ECDHE-RSA-CHACHA20-POLY1305")
    for 'ECDHE-RSA-AES128-GCM-SHA256', 'AES128-SHA';
# the proxy has a worker; the stream behind it has none, and if the proxy's own
# side were taken for ours, it would get nothing
is_served($httpd, 1, "through a proxy, $_", '/through/events', @{$version{$_}})
    for sort keys %version;
is not_detached($httpd, '\w+'), 0, 'none of them met an obstacle'
    or diag request($httpd, 'GET', '/server-status?auto')->{body};
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';

# ---- Two copies of OpenSSL ---------------------------------------------------

# Of one version; what mod_ssl makes with its copy must not be given to ours.
$httpd = start('', preload => EventStream::Httpd::builddir()
    . '/t/openssl/.libs/othercopy.so');
like $httpd->error_log, qr/ES0021: mod_ssl uses another copy of OpenSSL/,
    'two copies of OpenSSL: a notice tells so';
is_served($httpd, 1, "two copies of OpenSSL, $_", '/events', @{$version{$_}})
    for sort keys %version;
is not_detached($httpd, 'UnknownTls'), 2,
    'two copies of OpenSSL: the reason is on the status page';

# ---- Padding -----------------------------------------------------------------

# It hides lengths, and must not end silently when the head has been sent.
$httpd = start("SSLOpenSSLConfCmd RecordPadding 512\n");
my $relay = EventStream::Relay->start($httpd->ssl_port);
is_served($httpd, 1, 'padding, TLS 1.3', '/events', '--tlsv1.3');
like $httpd->error_log, qr/ES0405: .*records are padded/,
    'padding: the reason is in the log';
is not_detached($httpd, 'Padded'), 1, 'padding: and on the status page';
is_served($httpd, 0, 'padding, TLS 1.2', '/events', '--tls-max', '1.2');

# ---- Short records -----------------------------------------------------------

# A client may ask for records of 512 bytes (RFC 6066); what it gets are none
# that are longer, in both versions.
sub s_client
{
    my (@args) = @_;
    my $pid = open3(my $in, my $out, undef, 'openssl', 's_client', '-quiet',
        '-connect', '127.0.0.1:' . $relay->port, @args);
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
    return ok $peer->{text} =~ $what, $name;
}

for my $version ('-tls1_2', '-tls1_3') {
    my $peer = s_client($version, '-maxfraglen', 512);
    print { $peer->{in} } "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    says($peer, qr/stream-open/, "$version: a client of short records opens");
    publish($httpd, 'news', 'x' x 20_000 . ' end');
    says($peer, qr/x end/, "$version: it gets an event of 20,000 bytes");
    close $peer->{in};
    kill TERM => $peer->{pid};
    waitpid $peer->{pid}, 0;
    my @records = grep { defined $_->{number} } @{($relay->records($keys))[-1]};
    cmp_ok scalar @records, '>', 40, "$version: in more than 40 records";
    is scalar(grep { $_->{length} > 512 } @records), 0,
        "$version: none has more than 512 bytes";
}
is not_detached($httpd, 'ShortRecords'), 2,
    'short records: both are on the status page';

done_testing;
