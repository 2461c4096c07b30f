#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A build without what is optional, hiredis and mod_ssl's header. All works as
# ever; EventStreamCluster is an error that says what is missing, and clients
# over TLS are held, which the log and the status page say. The module is built
# here, with the arguments that configure was given, in a folder that is
# removed.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cwd ();
use File::Temp;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Source;

my $source = Cwd::abs_path(srcdir());
my $build = EventStream::Httpd->builddir;
plan skip_all => 'the source folder is a build folder, too'
    if -f "$source/config.status";
plan skip_all => "needs $build/config.status" if !-f "$build/config.status";
plan skip_all => 'a module with sanitizers needs their runtime'
    if EventStream::Httpd->build('sanitize') eq 'yes';

# ---- The build -------------------------------------------------------------

my $folder = File::Temp->newdir('es-build-XXXXXX', TMPDIR => 1);
my $made = "$folder/made";
open my $out, '>', "$folder/make" or die $!;
print {$out} <<"SH";
set -e
mkdir '$made'
cd '$made'
eval "set -- \$('$build/config.status' --config)"
ac_cv_header_mod_ssl_openssl_h=no
export ac_cv_header_mod_ssl_openssl_h
'$source/configure' -q "\$@" --without-hiredis CFLAGS=-O0
make -s -j2 mod_eventstream.la
SH
close $out or die $!;
my $text = `sh '$folder/make' 2>&1`;
is $?, 0, 'configure and make succeed without them' or diag $text;
like $text, qr/mod_ssl_openssl\.h not found.*clients over TLS keep a worker/s,
    'configure says what is lost without the header';
my $libraries = `ldd '$made/.libs/mod_eventstream.so' 2>&1`;
like $libraries, qr/libjansson/, 'the module has been made';
unlike $libraries, qr/hiredis/, 'it does not use hiredis';

# ---- The module ------------------------------------------------------------

package EventStream::Unbuilt {
    our @ISA = ('EventStream::Httpd');
    sub text
    {
        my ($self) = @_;
        my $text = $self->SUPER::text;
        my $is_ours = $text =~ s{\Q$build\E/\.libs/}{$made/.libs/};
        die "which module?\n" if !$is_ours;
        return $text;
    }
}

my ($ok, $said) = EventStream::Unbuilt->config_test(
    "EventStreamCluster redis://:s3cret\@localhost/\n");
ok !$ok, 'EventStreamCluster is an error';
my $error = 'EventStreamCluster: this module was built without hiredis; '
    . 'install its development files (Debian: libhiredis-dev), run configure '
    . 'again and build';
like $said, qr/\Q$error\E/,
    'it says what is missing, and the remedy';
unlike $said, qr/s3cret/, 'and not the password';

my $httpd = EventStream::Unbuilt->start(conf => <<'CONF');
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $client = subscribe($httpd, '/events');
$client->next_event(5);
is publish($httpd, 'news', 'hello')->{status}, 200,
    'without the directive events are published';
is(($client->next_event(5) || {})->{data}, 'hello', 'and received');
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- Clients over TLS --------------------------------------------------------

SKIP: {
    skip 'needs mod_ssl', 8 if !EventStream::Httpd->has_module('ssl');
    $httpd = EventStream::Unbuilt->start(
        ssl => 1, modules => ['status'], conf => status_conf() . <<'CONF');
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    my $why = 'since the module was built without mod_ssl_openssl\.h';
    like $httpd->error_log,
        qr/:notice\].* ES0115: clients over TLS: .*they are held.*$why/,
        'the start tells that clients over TLS are held, and why';
    my @clients = map { subscribe($httpd, '/events', tls => 1) } 1 .. 2;
    is scalar(grep { ($_->next_event(10) || {event => ''})->{event}
        eq 'stream-open' } @clients), 2, 'two of them open';
    wait_for(sub { (busy_workers($httpd) // -1) == 2 }, 10,
        'each holds a worker');
    publish($httpd, 'news', 'held');
    is scalar(grep { ($_->next_event(10) || {data => ''})->{data} eq 'held' }
        @clients), 2, 'they get an event';
    my @lines = $httpd->error_log =~ /:info\] (.*ES0420: .*$why)/g;
    my %pids = map { (/pid (\d+)/ => 1) } @lines;
    ok @lines > 0, 'the reason is in the log';
    is scalar(@lines), keys %pids, 'once for each child';
    like get($httpd, '/server-status?auto')->{body},
        qr/^EventStream\.NotDetached\.NotBuilt: 2$/m, 'and on the status page';
    $_->close for @clients;
    is $httpd->stop, 0, 'httpd stops with exit status 0, too';
}
done_testing;
