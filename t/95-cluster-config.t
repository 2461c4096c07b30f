#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamCluster: each mistake is an error that names the directive and the
# remedy, and no password is shown anywhere.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $is_built = EventStream::Httpd->build('hiredis') eq 'yes';

sub result_of
{
    my ($conf, %opt) = @_;
    my ($ok, $text) = EventStream::Httpd->config_test(
        "EventStreamHub shop size=256k\n$conf", %opt);
    return ($ok, $text);
}

sub is_refused
{
    my ($conf, $error, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($ok, $text) = result_of($conf, files => {
        'secret' => "s3cret\n", 'empty' => "\n"});
    ok !$ok, "$name is an error";
    like $text, $error, "it says what to do: $name";
    unlike $text, qr/s3cret/, "it does not show a password: $name";
    return;
}

# A regular expression of several lines.
sub pattern
{
    my $text = join ' ', @_;
    return qr/$text/;
}

if (!$is_built) {
    is_refused('EventStreamCluster redis://:s3cret@localhost/',
        qr/without hiredis; install .*libhiredis-dev.*configure again/,
        'a build without hiredis');
    done_testing;
    exit;
}

# ---- What is taken ---------------------------------------------------------

for my $words ('redis://localhost', 'redis://user:pw@localhost:7000/3',
    'hub=shop redis://localhost key=my.app:x maxlen=1000 acks=replica '
        . 'timeout=500ms',
    'redis://[::1]:6379/ acks=primary timeout=60s maxlen=100000000',
    'redis+sentinel://h1,h2:7000,h3/mymaster',
    'redis://localhost secret=file:@DOCROOT@/secret',
    'rediss://localhost ca=@DOCROOT@/secret verify=off',
    'rediss://localhost cert=@DOCROOT@/secret key-file=@DOCROOT@/secret') {
    my ($ok, $text) = result_of("EventStreamCluster $words",
        files => {'secret' => "s3cret\n"});
    ok $ok, "EventStreamCluster $words is taken" or diag $text;
}
my ($ok, $text) = result_of("EventStreamCluster redis://localhost/\n"
    . "EventStreamCluster hub=shop redis://localhost/\n"
    . "EventStreamCluster hub=later redis://localhost/\n"
    . "EventStreamHub later size=256k\n");
ok $ok, 'each hub has one, also one that is defined further down' or diag $text;

($ok, $text) = result_of("EventStreamGrip http://localhost:5561\n"
    . "EventStreamCluster redis://localhost/\n");
ok $ok, 'a hub may have GRIP proxies, too' or diag $text;

# ---- What is refused -------------------------------------------------------

is_refused('EventStreamCluster', qr/EventStreamCluster: takes a URL such as/,
    'no word');
is_refused('EventStreamCluster hub=shop', qr/takes a URL such as/, 'no URL');
is_refused('EventStreamCluster hub= redis://localhost', qr/hub= is empty/,
    'an empty hub=');
is_refused('EventStreamCluster hub=none redis://:s3cret@localhost',
    pattern('EventStreamCluster hub=none: no such hub; define it at server',
        'level with EventStreamHub none'),
    'an unknown hub');
is_refused('EventStreamCluster http://:s3cret@localhost',
    qr/EventStreamCluster: the URL/, 'another scheme');
is_refused("EventStreamCluster redis://:s3cret\@a\n"
    . 'EventStreamCluster redis://:s3cret@b',
    qr/hub default has one already, at line \d+ of .*; a hub has one broker/,
    'a second broker of a hub');
is_refused('EventStreamCluster redis://:s3cret@localhost nonsense=s3cret',
    qr/unknown parameter 'nonsense='; known are/, 'an unknown word');
is_refused('EventStreamCluster redis://:s3cret@localhost s3cret',
    qr/unknown parameter ''; known are/, 'a word without =');
is_refused('EventStreamCluster redis://:${NOT_SET}@localhost',
    qr/\$\{NOT_SET\} is set neither in httpd's environment nor by Define/,
    'a variable that is not set');
for my $case (['key={x}', qr/key= takes 1 to 64 letters/],
    ['key=', qr/key= takes 1 to 64 letters/],
    ['key=' . 'x' x 65, qr/key= takes 1 to 64 letters/],
    ['maxlen=999', qr/maxlen= takes a number of events from 1000 to/],
    ['maxlen=100000001', qr/maxlen= takes a number of events from 1000 to/],
    ['maxlen=many', qr/maxlen= takes a number of events from 1000 to/],
    ['acks=all', qr/acks= takes primary or replica/],
    ['timeout=99ms', qr/timeout= takes a time from 100ms to 60s/],
    ['timeout=61s', qr/timeout= takes a time from 100ms to 60s/],
    ['timeout=soon', qr/timeout= takes a time from 100ms to 60s/],
    ['verify=maybe', qr/verify= takes on or off/],
    ['secret=s3cret', qr/secret= takes a file with the password, as file:PATH/],
    ['secret=file:/none', qr{secret= cannot be read from /none}],
    ['secret=file:@DOCROOT@/empty', qr/secret= .* contains no password/],
    ['ca=@ROOT@/none', qr{ca= cannot be read from \S+/none}],
    ['ca=@DOCROOT@/secret', qr/are for TLS; the URL must begin with rediss:/],
    ['verify=off', qr/are for TLS; the URL must begin with rediss:/]) {
    is_refused("EventStreamCluster redis://localhost $case->[0]", $case->[1],
        $case->[0]);
}
is_refused('EventStreamCluster rediss://localhost cert=@DOCROOT@/secret',
    qr/cert= needs key-file=/, 'a certificate without its key');
is_refused('EventStreamCluster redis://:s3cret@localhost '
    . 'secret=file:@DOCROOT@/secret',
    qr/the URL has a password, and secret= has one, too; keep secret=/,
    'two passwords');
for my $section ('<VirtualHost *:80>', '<Location "/x">') {
    my ($name) = $section =~ /<(\w+)/;
    is_refused("$section\nEventStreamCluster redis://localhost\n</$name>",
        qr/EventStreamCluster (?:cannot occur within|not allowed)/,
        "within $section");
}

# ---- Passwords -------------------------------------------------------------

my $conf = <<'CONF';
EventStreamCluster redis://me:s3cret@127.0.0.1:1/2 timeout=100ms
EventStreamCluster hub=shop redis://127.0.0.1:1/ secret=file:@DOCROOT@/secret
CONF
if (EventStream::Httpd->has_module('info')) {
    ($ok, $text) = result_of($conf, files => {'secret' => "s3cret\n"},
        modules => ['info'], arguments => ['-DDUMP_CONFIG']);
    like $text,
        qr{EventStreamCluster hub=default redis://127\.0\.0\.1:1/2 \.\.\.},
        '-D DUMP_CONFIG shows the broker';
    unlike $text, qr/s3cret/, 'and no password';
}
my $httpd = EventStream::Httpd->start(files => {'secret' => "s3cret\n"},
    modules => [grep { EventStream::Httpd->has_module($_) } qw(info status)],
    conf => "EventStreamHub shop size=256k\n$conf" . <<'CONF');
<Location "/info">
    SetHandler server-info
</Location>
<Location "/server-status">
    SetHandler server-status
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
is publish($httpd, 'news', 'x')->{status}, 503,
    'a server starts without its broker';
my $seen = $httpd->error_log;
like $seen,
    pattern('ES0803: hub default is clustered: its events go through the',
        'broker redis://127\.0\.0\.1:1/2, with keys that begin with',
        '\{eventstream:default\}; a publish is acknowledged by the primary'),
    'the start is logged with the address of the broker';
like $seen,
    pattern('ES0801: EventStreamCluster secret=file:\S+: all users of this',
        'host can read the file'),
    'a secret that all users can read is logged';
$seen .= get($httpd, $_)->{body} for '/info', '/server-status',
    '/server-status?auto';
unlike $seen, qr/s3cret/, 'no log and no page shows the password';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
