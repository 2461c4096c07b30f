#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamGrip and its fellows: mistakes are told with the parameter's name,
# and no secret is ever printed.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;

my $url = '"http://localhost:5561"';

sub refused
{
    my ($conf, $part, $name) = @_;
    my ($ok, $said) = EventStream::Httpd->config_test("$conf\n");
    my ($line) = grep { /EventStream/ } split /\n/, $said;
    $line //= '';
    like $line, $part, $name;
    ok !$ok, '... httpd does not start';
    unlike $said, qr/hush/, '... and the value is not shown';
    return;
}

refused("EventStreamGrip $url iss=me", qr/EventStreamGrip: iss= needs a key=/,
    'iss without key');
refused("EventStreamGrip $url iss= key=hush", qr/EventStreamGrip: iss= is emp/,
    'an empty parameter');
refused("EventStreamGrip $url kye=hush", qr/there are only iss=, key=/,
    'an unknown parameter');
refused("EventStreamGrip $url hush", qr/no name=value/, 'a lone word');
refused("EventStreamGrip $url verify-key=base64:hush*",
    qr/verify-key= is no base64/, 'base64 that is none');
refused("EventStreamGrip $url verify-key=file:no/such/file",
    qr{verify-key= cannot be read from .*no/such/file: No such file},
    'no such file');
refused('EventStreamGrip hush', qr/the URL starts with neither/, 'no URL');
refused('EventStreamGrip', qr/takes off, or a URL/, 'nothing at all');
refused('EventStreamGrip "${ES_NO_SUCH_URL}"',
    qr/\$\{ES_NO_SUCH_URL\} is set neither in httpd's environment nor/,
    'a variable that is not set');
refused("EventStreamGrip hub=shop $url",
    qr/hub=shop: no such hub/, 'a hub that there is not');
refused("<VirtualHost *:1>\nEventStreamGrip $url key=hush\n</VirtualHost>",
    qr/EventStreamGrip cannot occur within <VirtualHost>/,
    'GRIP is the whole server\'s');
refused('EventStreamGripRequired on', qr/hub default has no proxy/,
    'required without a proxy');
refused("EventStreamGrip $url\nEventStreamGrip off\nEventStreamGripReliable on",
    qr/EventStreamGripReliable|hub default has no proxy/,
    'off forgets the proxies');
refused('EventStreamGripRequired maybe', qr/takes on or off/, 'a switch');
refused('EventStreamGripOnError maybe', qr/takes fail or ignore/, 'on error');
refused('EventStreamGripTimeout 0', qr/takes a time from 100ms to 5min/,
    'a timeout of nothing');
refused('EventStreamGripLeeway soon', qr/takes a time from 0/, 'no time');
refused('EventStreamGripPrefix ' . 'x' x 65, qr/at most 64 bytes/,
    'a long prefix');
refused("EventStreamGrip $url\nEventStreamGrip http://localhost:5561/ key=hush",
    qr/another line has the same URL/, 'a proxy that is there already');
refused(join("\n", map { "EventStreamGrip http://localhost/$_" } 1 .. 17),
    qr/a hub has at most 16 proxies/, 'too many proxies');
refused('EventStreamGripTimeout 1 2', qr/takes one value/, 'two values');

my ($ok, $said) = EventStream::Httpd->config_test(<<"CONF");
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
EventStreamGrip off
CONF
ok $ok, 'all of it, before the hub is defined' or diag $said;

# mod_info prints the directives of httpd's tree
SKIP: {
    skip 'no mod_info', 3 if !EventStream::Httpd->has_module('info');
    local $ENV{ES_TEST_GRIP_URL} = 'http://localhost:5562/?key=hush';
    ($ok, $said) = EventStream::Httpd->config_test(<<"CONF",
EventStreamGrip "http://me:hush\@localhost:5561/x?key=hush" verify-key=hush
EventStreamGrip "\${ES_TEST_GRIP_URL}"
CONF
        modules => ['info'], arguments => ['-DDUMP_CONFIG'],
        env => {ES_TEST_GRIP_URL => $ENV{ES_TEST_GRIP_URL}});
    ok $ok, 'DUMP_CONFIG works';
    like $said, qr{EventStreamGrip http://localhost:5561/x}, 'it tells the URL';
    unlike $said, qr/hush/, 'and no secret';
}
done_testing;
