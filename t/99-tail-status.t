#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# eventstream-tail and SetHandler eventstream-status: its figures, --check with
# them, and a channel that is followed by its page.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $program = EventStream::Httpd->builddir . '/tools/eventstream-tail';
my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamMaxClients 10
EventStreamHub shop
<Location "/event-status">
    SetHandler eventstream-status
    Require local
</Location>
<Location "/closed">
    SetHandler eventstream-status
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
CONF
my $page = $httpd->url('/event-status');

sub run
{
    my (@args) = @_;
    my $pid = open my $out, '-|';
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        alarm 60;    # is inherited by the program
        exec $program, @args or exit 99;
    }
    local $/;
    my $text = <$out>;
    close $out;
    return ($? >> 8, defined $text ? $text : '');
}

my @clients = map { subscribe($httpd, "/events?c=$_") } 'a', 'a', 'b';
publish($httpd, 'a', 'soup');
wait_for(sub { (run('--status', $page))[1] =~ /^clients\.total: 3$/m }, 10,
    'the figures have the clients');
my ($exit, $text) = run('--status', $page);
is $exit, 0, '--status: the exit status is 0';
like $text, qr/^hubs\.default\.published: 1$/m, 'a hub has its events';
like $text, qr/^hubs\.shop\.published: 0$/m, 'also another one';
like $text, qr/^limits\.EventStreamMaxClients\.value: 10$/m,
    'a limit has its value';
($exit, $text) = run('--check', '-w', 'clients.total=5', $page);
is $exit, 0, '--check: all is well';
like $text, qr/\AEVENTSTREAM OK - 3 clients \| 'clients\.total'=3;5;\n\z/,
    'and the line says so';
push @clients, map { subscribe($httpd, '/events?c=a') } 1 .. 6;
wait_for(sub { ($exit, $text) = run('--check', $page); $exit == 1 }, 10,
    'nine clients of ten: WARNING');
like $text, qr/limits\.EventStreamMaxClients\.used is 9 of 10/,
    'with the limit that is nearly reached';
($exit, $text) = run('--check', $httpd->url('/closed'));
is $exit, 3, 'a page that is closed: UNKNOWN';
like $text, qr/: 403: /, 'with its status';

($exit, $text) = run('-d', '-n1', '-i', 'earliest', '-c', 'a', '--hub',
    'default', $page);
is $text, "soup\n", 'the page of a channel has its events';
done_testing;
