# SPDX-License-Identifier: Apache-2.0
package Driver;

=head1 NAME

Driver - runs the Node programs of this folder against an httpd

=head1 SYNOPSIS

    use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
    use Driver;

    Driver::need('playwright-core', browser => 1);
    my $httpd = Driver::demo_httpd();
    Driver::run('demo.mjs', $httpd);

=head1 FUNCTIONS

=over

=item need($package, %options)

Ends the test if Node, the npm package or (browser => 1) Chromium is missing: it
is skipped with the reason, or fails if CI=true. Packages are in
$ES_NODE_MODULES, preset $ES_BUILDDIR/node_modules (npm ci with the package.json
of this folder). Chromium is $ES_CHROMIUM, preset the first of chromium,
chromium-browser and google-chrome in the PATH. With firefox => 1 Firefox must
be there, $ES_FIREFOX, preset firefox-esr or firefox.

=item lacking($package, %options)

The reason for which need would end the test, or nothing.

=item demo_httpd($conf, %options)

An EventStream::Httpd that serves demo/ as conf/demo.conf.in does, with this
configuration in addition; options as of EventStream::Httpd->start.

=item run($program, $httpd, @arguments)

Runs the program with the URL, or with these arguments. Each of its lines "ok
NAME" and "not ok NAME" is a test here, other lines are diagnostics. The program
has a deadline of its own and prints "end" as its last line.

=back

=cut

use strict;
use warnings;

use Cwd ();
use EventStream::Httpd;
use File::Basename qw(dirname);
use Test::More ();

my $here = Cwd::abs_path(dirname(__FILE__));
my $pid;    # of the running program

# A test that ends takes its program along, which ends its browser.
END {
    if ($pid) {
        local $?;
        kill TERM => $pid;
    }
}

sub in_path
{
    my (@names) = @_;
    for my $name (@names) {
        for my $dir (split /:/, $ENV{PATH}) {
            return "$dir/$name" if -x "$dir/$name" && !-d _;
        }
    }
    return;
}

sub lacking
{
    my ($package, %opt) = @_;
    my $modules = $ENV{ES_NODE_MODULES}
        ||= ($ENV{ES_BUILDDIR} || Cwd::getcwd()) . '/node_modules';

    my $node = in_path('node') or return 'node is not in the PATH';
    my ($version) = `'$node' --version` =~ /^v(\d+)/;
    return 'node is older than 18' if !$version || $version < 18;
    return "no npm package $package in $modules"
        if !-f "$modules/$package/package.json";
    if ($opt{browser}) {
        $ENV{ES_CHROMIUM} ||=
            in_path(qw(chromium chromium-browser google-chrome)) || '';
        return 'no Chromium in the PATH' if !-x $ENV{ES_CHROMIUM};
    }
    if ($opt{firefox}) {
        $ENV{ES_FIREFOX} ||= in_path(qw(firefox-esr firefox)) || '';
        return 'no Firefox in the PATH' if !-x $ENV{ES_FIREFOX};
    }
    return;
}

sub need
{
    my $reason = lacking(@_) or return;
    if (($ENV{CI} || '') eq 'true') {
        Test::More::fail($reason);
        Test::More::done_testing();
        exit 1;
    }
    Test::More::plan(skip_all => $reason);
    return;
}

sub demo_httpd
{
    my ($more, %opt) = @_;
    my %files;
    for my $file (glob "$here/../../demo/*") {
        my ($name) = $file =~ m{([^/]+)$};
        $files{$name} = EventStream::Httpd::slurp($file);
    }
    my $conf = <<'CONF';
DirectoryIndex index.html
AddType text/html .html
AddType text/css .css
AddType text/javascript .js
AddType image/svg+xml .svg
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
    Require local
</Location>
CONF
    return EventStream::Httpd->start(files => \%files,
        conf => $conf . ($more // ''), %opt);
}

sub run
{
    my ($program, $httpd, @arguments) = @_;
    my $ended = 0;

    @arguments = $httpd->url if !@arguments;
    $pid = open my $out, '-|', 'node', "$here/$program", @arguments
        or die "node: $!";
    binmode $out, ':utf8';
    while (my $line = <$out>) {
        chomp $line;
        if ($line =~ /^(not )?ok (.*)$/) {
            Test::More::ok(!$1, $2);
        } elsif ($line eq 'end') {
            $ended = 1;
        } else {
            Test::More::diag($line);
        }
    }
    close $out;
    my $status = $?;
    undef $pid;
    Test::More::ok($ended && $status == 0, "$program runs to its end")
        or Test::More::diag("status $status");
    return;
}

1;
