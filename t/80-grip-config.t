#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamGrip and the directives that go with it: a mistake is reported with
# the name of its parameter, and no secret is ever printed.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;

my $url = '"http://localhost:5561"';

sub is_refused
{
    my ($conf, $part, $name) = @_;
    my ($ok, $output) = EventStream::Httpd->config_test("$conf\n");
    my ($line) = grep { /EventStream/ } split /\n/, $output;
    $line //= '';
    like $line, $part, "$name is refused with the reason";
    ok !$ok, "$name: httpd does not start";
    unlike $output, qr/pa55/, "$name: the value is not shown";
    return;
}

is_refused("EventStreamGrip $url iss=me",
    qr/EventStreamGrip: iss= needs a key=/,
    'iss= without key=');
is_refused("EventStreamGrip $url iss= key=pa55",
    qr/EventStreamGrip: iss= is emp/,
    'an empty parameter');
is_refused("EventStreamGrip $url kye=pa55",
    qr/the only parameters are iss=, key=/,
    'an unknown parameter');
is_refused("EventStreamGrip $url pa55", qr/not name=value/,
    'a word that is no parameter');
is_refused("EventStreamGrip $url verify-key=base64:pa55*",
    qr/verify-key= is not base64/, 'bad base64');
is_refused("EventStreamGrip $url verify-key=file:no/such/file",
    qr{verify-key= cannot be read from .*no/such/file: No such file},
    'a file that does not exist');
is_refused('EventStreamGrip pa55', qr/the URL starts with neither/,
    'a word that is no URL');
is_refused('EventStreamGrip', qr/takes off, or a URL/,
    'EventStreamGrip without parameter');
is_refused('EventStreamGrip "${ES_NO_SUCH_URL}"',
    qr/\$\{ES_NO_SUCH_URL\} is set neither in httpd's environment nor/,
    'a variable that is not set');
is_refused("EventStreamGrip hub=shop $url",
    qr/hub=shop: no such hub/, 'an unknown hub');
is_refused("<VirtualHost *:1>\nEventStreamGrip $url key=pa55\n</VirtualHost>",
    qr/EventStreamGrip cannot occur within <VirtualHost>/,
    'EventStreamGrip in a virtual host');
is_refused('EventStreamGripRequired on', qr/hub default has no proxy/,
    'EventStreamGripRequired without a proxy');
is_refused(
    "EventStreamGrip $url\nEventStreamGrip off\nEventStreamGripReliable on",
    qr/EventStreamGripReliable|hub default has no proxy/,
    'EventStreamGripReliable after EventStreamGrip off');
is_refused('EventStreamGripRequired maybe', qr/takes on or off/,
    'a switch that is neither on nor off');
is_refused('EventStreamGripOnError maybe', qr/takes fail or ignore/,
    'an unknown word of EventStreamGripOnError');
is_refused('EventStreamGripTimeout 0', qr/takes a time from 100ms to 5min/,
    'a timeout of 0');
is_refused('EventStreamGripLeeway soon', qr/takes a time from 0/,
    'a leeway that is no time');
is_refused("EventStreamGripPrefix '$_'", qr/without a blank at an end/,
    "a prefix '$_'") for ' a', 'a ';
is_refused('EventStreamGripPrefix ' . 'x' x 65, qr/at most 64 bytes/,
    'a long prefix');
is_refused("EventStreamGripPrefix $_", qr/without control characters, ','/,
    "the prefix $_") for 'a,b', 'a;b', q('a"b'), '" a"', '"a "';
is_refused('EventStreamGripPrefix "{room}-"', qr/takes no \{tokens\}/,
    'a token in the prefix');
is_refused('EventStreamGripPrefix hub=shop "${ES_NO_SUCH_NAME}-"',
    qr/takes no .*not defined/, 'a variable in the prefix that is not set');
is_refused(
    "EventStreamGrip $url\nEventStreamGrip http://localhost:5561/ key=pa55",
    qr/another EventStreamGrip of this hub has/,
    'a proxy that another line has');
is_refused(join("\n", map { "EventStreamGrip http://localhost/$_" } 1 .. 17),
    qr/a hub has at most 16 proxies/, '17 proxies');
is_refused('EventStreamGripTimeout 1 2', qr/takes one value/, 'two values');

my ($ok, $output) = EventStream::Httpd->config_test(<<"CONF");
EventStreamGrip hub=shop $url iss=me key=one verify-iss=you verify-key=two
EventStreamGrip hub=shop "https://u:p\@localhost/x?key=base64:aGVsbG8="
EventStreamGripPrefix hub=shop none
EventStreamGripRequired hub=shop on
EventStreamGripReliable hub=shop on
EventStreamGripOnError hub=shop ignore
EventStreamGripConnectTimeout hub=shop 500ms
EventStreamGripTimeout hub=shop 2
EventStreamGripLeeway hub=shop 5
EventStreamHub shop size=1m
EventStreamGripPrefix "my site: a-b_c."
EventStreamGrip off
CONF
ok $ok, 'all GRIP directives may stand before the hub is defined'
    or diag $output;

# mod_info prints the directives of httpd's tree
SKIP: {
    skip 'no mod_info', 3 if !EventStream::Httpd->has_module('info');
    local $ENV{ES_TEST_GRIP_URL} = 'http://localhost:5562/?key=pa55';
    ($ok, $output) = EventStream::Httpd->config_test(<<"CONF",
EventStreamGrip "http://me:pa55\@localhost:5561/x?key=pa55" verify-key=pa55
EventStreamGrip "\${ES_TEST_GRIP_URL}"
CONF
        modules => ['info'], arguments => ['-DDUMP_CONFIG'],
        env => {ES_TEST_GRIP_URL => $ENV{ES_TEST_GRIP_URL}});
    ok $ok, 'httpd -DDUMP_CONFIG succeeds';
    like $output, qr{EventStreamGrip http://localhost:5561/x},
        'DUMP_CONFIG shows the URL';
    unlike $output, qr/pa55/, 'DUMP_CONFIG shows no secret';
}
done_testing;
