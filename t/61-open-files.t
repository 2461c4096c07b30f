#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The numbers and the limit of open files that other code of the same processes
# meets: clients use numbers from 1024 on, which leaves those of select() free,
# and programs have the soft limit that httpd was started with.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

use constant { SOFT => 300, HARD => 2048, CLIENTS => 400, SELECT => 1024 };
need_descriptors(HARD);

my $limit_cgi = <<'SH';
#!/bin/sh
printf 'Content-Type: text/plain\n\n'
ulimit -n
SH

sub start_site
{
    my ($cgi, %opt) = @_;
    my $site = EventStream::Httpd->start(
        modules => [$cgi, 'status'], descriptors => [SOFT, HARD],
        files => {'app/limit' => $limit_cgi}, %opt,
        conf => status_conf() . <<'CONF');
<IfModule mod_cgid.c>
    ScriptSock "@ROOT@/run/cgi"
</IfModule>
ScriptAlias "/limit" "@DOCROOT@/app/limit"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    chmod 0755, $site->docroot . '/app/limit';
    return $site;
}

# ---- Programs ---------------------------------------------------------------

for my $way (['cgid', 'event'], ['cgi', 'prefork'], ['cgi', 'event']) {
    my ($cgi, $mpm) = @$way;
    SKIP: {
        skip "needs mod_$cgi", 3 if !EventStream::Httpd->has_module($cgi);
        my $site = start_site($cgi, mpm => $mpm);
        is get($site, '/limit')->{body}, SOFT . "\n",
            "mod_$cgi, $mpm: a program has the limit from before httpd";
        like $site->error_log, qr/ES0007.*at most @{[HARD - 256]} clients/,
            'a child of httpd has the hard limit';
        $site->graceful;
        is get($site, '/limit')->{body}, SOFT . "\n", 'after a restart, too';
        $site->stop;
    }
}

# ---- Clients ----------------------------------------------------------------

# @return descriptors below 1024 that are sockets, eventfds and epoll sets
sub low_of
{
    my ($pid) = @_;
    my $dir = "/proc/$pid/fd";
    opendir my $handle, $dir or return -1;
    return scalar grep { /^\d+$/ && $_ < SELECT
        && (readlink("$dir/$_") || '') =~ /^(?:socket|anon_inode)/ }
        readdir $handle;
}

my $httpd = start_site('cgid', mpm_conf => <<'MPM');
StartServers 1
ServerLimit 2
ThreadsPerChild 10
MaxRequestWorkers 20
MinSpareThreads 1
MaxSpareThreads 20
MPM
my ($child) = $httpd->children;
my $before = low_of($child);
my @clients = map { subscribe($httpd, '/events') } 1 .. CLIENTS;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @clients), CLIENTS, CLIENTS . ' clients open';
cmp_ok low_of($child), '<', $before + 50,
    'they leave the numbers below ' . SELECT . ' to others';

$httpd->graceful;
wait_for(sub { !grep { $_ == $child } $httpd->children }, 30);
publish($httpd, 'news', 'moved');
is scalar(grep { ($_->next_event(5) || {data => ''})->{data} eq 'moved' }
    @clients), CLIENTS, 'they move to another child';
is scalar(grep { low_of($_) >= $before + 50 } $httpd->children), 0,
    'and have high numbers there, too';

$_->close for @clients;
done_testing;
