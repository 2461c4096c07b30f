#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# TLS where a worker is a process: none is held unless EventStreamMaxHeld says
# so; each client gets what waits for it and comes back.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

sub start
{
    my ($conf) = @_;
    return EventStream::Httpd->start(
        mpm => 'prefork', ssl => 1, modules => ['status'],
        files => {'page.txt' => "a page\n"}, mpm_conf => <<'MPM',
StartServers 4
ServerLimit 4
MaxRequestWorkers 4
MinSpareServers 1
MaxSpareServers 4
MPM
        conf => $conf . status_conf() . <<'CONF');
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
}

sub opens
{
    my ($client) = @_;
    return ($client->next_event(5) || {event => ''})->{event}
        eq 'stream-open';
}

my $httpd = start('');
my $client = subscribe($httpd, '/events', tls => 1);
is $client->status, 200, 'a stream';
ok opens($client), '... opens';
ok $client->is_ended(5), '... ends at once';
like $client->bytes, qr/\n\nretry: \d+\n\n\z/, '... with retry';
my @missed = map { "$_ " . 'x' x 20000 } 1 .. 50;
publish($httpd, 'news', $_) for @missed;
my $back = subscribe($httpd, '/events', tls => 1,
    headers => ['Last-Event-ID: ' . $client->last_id]);
ok opens($back), 'it comes back';
is_deeply [map { $_->{data} } $back->events(50, 10)], \@missed,
    '... and gets all that it has missed';
ok $back->is_ended(5), '... then the end';

my @many = map { subscribe($httpd, '/events', tls => 1, head => 0) } 1 .. 16;
ok static_file($httpd), 'more clients than processes: a file is served';
is scalar(grep { $_->read_head(20) && opens($_) && $_->is_ended(10) } @many),
    16, '... all get their stream';
my @plain = map { subscribe($httpd, '/events') } 1 .. 16;
is scalar(grep { opens($_) } @plain), 16, 'more plain clients than processes';
publish($httpd, 'news', 'hello');
is scalar(grep { ($_->next_event(5) || {data => ''})->{data} eq 'hello' }
    @plain), 16, '... all receive events';
ok static_file($httpd), '... a file is served';

$httpd = start("EventStreamMaxHeld 1\n");
my $held = subscribe($httpd, '/events', tls => 1);
ok opens($held), 'EventStreamMaxHeld 1: a stream';
is $held->next_event(2), undef, '... is held';
ok $held->is_open, '... by a process';
publish($httpd, 'news', 'hello');
is(($held->next_event(5) || {data => ''})->{data}, 'hello', '... and live');
$held->close;
is wait_clients($httpd, 'news', 0, 4), 0, '... until it goes';
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'no error in the log';
done_testing;
