#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What mod_ssl and its companions do for the handshake stays as it is for
# clients that are detached: a stapled OCSP response, session tickets,
# certificates of mod_md, settings of SSLOpenSSLConfCmd and SSLProtocol.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp qw(tempdir);
use IO::Socket::INET;
use IPC::Open3;
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

plan skip_all => 'built without mod_ssl_openssl.h'
    if EventStream::Httpd->build('detaches_tls') ne 'yes';

# ---- A certificate authority, and its OCSP responder ------------------------

my $dir = tempdir(CLEANUP => 1);

sub openssl
{
    my (@arguments) = @_;
    my $out = `cd '$dir' && openssl @arguments 2>&1`;
    die "openssl @arguments: $out" if $? != 0;
    return;
}

sub spew
{
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$out} $text;
    close $out;
    return;
}

openssl(qw(req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority
    -keyout ca.key -out ca.pem));
spew('names.cnf', 'subjectAltName=DNS:localhost,DNS:managed.example');
openssl(qw(req -newkey rsa:2048 -nodes -subj /CN=localhost
    -keyout server.key -out server.csr));
openssl(qw(x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key
    -set_serial 0x1001 -extfile names.cnf -out server.pem));
spew('index.txt', "V\t491231235959Z\t\t1001\tunknown\t/CN=localhost\n");
spew('chain.pem', join '', map { EventStream::Httpd::slurp("$dir/$_") }
    qw(server.pem ca.pem));

# One request for each connection, as long as the test lives.
sub serve_ocsp
{
    my ($listener) = @_;
    while (my $peer = $listener->accept) {
        my $head = '';
        while ($head !~ /\r\n\r\n/ && sysread $peer, my $byte, 1) {
            $head .= $byte;
        }
        my ($length) = $head =~ /^Content-Length: *(\d+)/mi;
        my $body = '';
        while (length $body < ($length || 0)
            && sysread $peer, $body, $length - length $body, length $body) {}
        spew('request.der', $body);
        openssl(qw(ocsp -index index.txt -rsigner ca.pem -rkey ca.key -CA ca.pem
            -ndays 1 -reqin request.der -respout response.der));
        my $answer = EventStream::Httpd::slurp("$dir/response.der");
        print {$peer} "HTTP/1.1 200 OK\r\nConnection: close\r\n"
            . "Content-Type: application/ocsp-response\r\n"
            . 'Content-Length: ' . length($answer) . "\r\n\r\n$answer";
        close $peer;
    }
    return;
}

my $listener = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1')
    or die "listen: $!";
my $responder = fork // die "fork: $!";
if ($responder == 0) {
    serve_ocsp($listener);
    POSIX::_exit(0);
}
my $ocsp = 'http://127.0.0.1:' . $listener->sockport . '/';
close $listener;

END {
    if ($responder) {
        local $?;
        kill TERM => $responder;
        waitpid $responder, 0;
    }
}

# ---- The hosts --------------------------------------------------------------

my $has_md = EventStream::Httpd->has_module('md');

sub host
{
    my ($name, $certificate, @lines) = @_;
    return join "\n", "Listen 127.0.0.1:\@PORT:$name\@ https",
        "<VirtualHost 127.0.0.1:\@PORT:$name\@>", 'SSLEngine on',
        ($certificate ? ("SSLCertificateFile $dir/chain.pem",
            "SSLCertificateKeyFile $dir/server.key") : ()),
        @lines, '</VirtualHost>', '';
}

my $managed = !$has_md ? ''
    : <<CONF . host('managed', 0, 'ServerName managed.example');
MDStoreDir "\@ROOT\@/md"
MDStapling off
<MDomain managed.example>
    MDMembers manual
    MDCertificateFile $dir/chain.pem
    MDCertificateKeyFile $dir/server.key
</MDomain>
CONF

my $httpd = EventStream::Httpd->start(
    ssl => 1, modules => ['status', 'headers', $has_md ? 'watchdog' : (),
        $has_md ? 'md' : ()],
    conf => status_conf() . <<'CONF' . $managed . join '',
SSLStaplingCache shmcb:@ROOT@/run/stapling(32768)
SSLSessionCache none
SSLSessionTickets on
<Location "/events">
    Header always set X-TLS "%{SSL_PROTOCOL}s %{SSL_SESSION_RESUMED}s"
    SetHandler eventstream
    EventStreamChannel news
    EventStreamKeepAlive 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    host('stapled', 1, 'SSLUseStapling on', "SSLStaplingForceURL $ocsp"),
    host('only12', 1, 'SSLProtocol TLSv1.2', 'SSLCompression off'),
    host('only13', 1, 'SSLProtocol TLSv1.3'),
    host('conf12', 1, 'SSLOpenSSLConfCmd MaxProtocol TLSv1.2',
        'SSLOpenSSLConfCmd Groups P-384',
        'SSLOpenSSLConfCmd Options -SessionTicket'),
    host('conf13', 1, 'SSLOpenSSLConfCmd MinProtocol TLSv1.3',
        'SSLOpenSSLConfCmd Groups X25519',
        'SSLOpenSSLConfCmd Ciphersuites TLS_CHACHA20_POLY1305_SHA256'));

sub client
{
    my ($host, $name) = @_;
    my $port = $httpd->port_of($host);
    return subscribe($httpd, '/events', tls => 1,
        url => "https://$name:$port/events",
        curl => ['--resolve', "$name:$port:127.0.0.1"]);
}

sub is_served
{
    my ($client, $name) = @_;
    is $client->status, 200, "$name: a client gets 200";
    is +($client->next_event(10) || {event => 'nothing'})->{event},
        'stream-open', "$name: its stream opens";
    publish($httpd, 'news', $name);
    is +($client->next_event(10) || {data => 'nothing'})->{data}, $name,
        "$name: it receives an event";
    wait_for(sub { (busy_workers($httpd) // 1) == 0 }, 5,
        "$name: it holds no worker");
    $client->close;
    return;
}

# ---- Protocols and SSLOpenSSLConfCmd ----------------------------------------

for my $version ('1.2', '1.3') {
    my $number = $version =~ tr/.//dr;
    is_served(client("only$number", 'localhost'), "SSLProtocol TLSv$version");
    is_served(client("conf$number", 'localhost'),
        "SSLOpenSSLConfCmd, TLS $version");
}

# ---- s_client: stapling and tickets -----------------------------------------

# Ask for a stream and publish an event to it. Return all that s_client prints.
sub s_client
{
    my ($host, $data, @arguments) = @_;
    my $pid = open3(my $in, my $out, undef, 'openssl', 's_client', '-connect',
        '127.0.0.1:' . $httpd->port_of($host), '-CAfile', "$dir/ca.pem",
        '-servername', 'localhost', @arguments);
    local $SIG{ALRM} = sub { kill TERM => $pid };
    alarm 20;
    print {$in} "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    $in->flush;
    my $text = '';
    while ($text !~ /stream-open/ && sysread $out, $text, 65536, length $text)
    {}
    publish($httpd, 'news', $data);
    while ($text !~ /data: \Q$data/ && sysread $out, $text, 65536, length $text)
    {}
    wait_for(sub { (busy_workers($httpd) // 1) == 0 }, 5,
        "$data: it holds no worker");
    alarm 0;
    kill TERM => $pid;
    waitpid $pid, 0;
    like $text, qr/^data: \Q$data/m, "$data: the client receives an event";
    return $text;
}

for my $version ('1.2', '1.3') {
    my $option = '-tls' . $version =~ tr/./_/r;
    my $text = s_client('stapled', "stapled, TLS $version", $option, '-status');
    like $text, qr/OCSP Response Status: successful/,
        "TLS $version: an OCSP response is stapled";
    like $text, qr/Cert Status: good/, "TLS $version: the response is good";
    like $text, qr/Verify return code: 0 /, "TLS $version: it verifies";

    my $host = 'only' . $version =~ tr/.//dr;
    $text = s_client($host, "with a ticket, TLS $version", '-sess_out',
        "$dir/session");
    like $text, qr/^X-TLS: TLSv$version Initial/m,
        "TLS $version: the first connection has a whole handshake";
    $text = s_client($host, "resumed, TLS $version", '-sess_in',
        "$dir/session");
    like $text, qr/^X-TLS: TLSv$version Resumed/m,
        "TLS $version: the second one resumes by the ticket";
}
unlike s_client('only12', 'not stapled', '-status'),
    qr/OCSP Response Status: successful/,
    'another host of the same server staples none';

# ---- mod_md -----------------------------------------------------------------

SKIP: {
    skip 'this httpd has no mod_md', 4 if !$has_md;
    is_served(client('managed', 'managed.example'), 'mod_md');
}

is $httpd->faults, '', 'no fault is in the error log';
done_testing;
